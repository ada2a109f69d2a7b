"""The facts that a number means nothing without."""

from __future__ import annotations

import math
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil

from benchmarks.database import Database
from benchmarks.load import require_wrk
from benchmarks.servers import Api

SYNCS = 50
BLOCK = b"\0" * 8_192
MEGABYTE = 1_000_000
PATIENCE = 10
DISTURBED = 3.0


@dataclass(slots=True)
class Disk:
    """The disk that the database is on. Whoever else writes to it disturbs whatever is measured."""

    best_ms: float = math.inf

    def settled_ms(self) -> float:
        """Waits, five seconds at most, while the disk is much slower than it was; gives what it takes then."""
        for _ in range(PATIENCE):
            taken = sync_ms()
            self.best_ms = min(self.best_ms, taken)
            if taken <= DISTURBED * self.best_ms:
                break
            time.sleep(0.5)
        return taken


def facts(admin: Database) -> dict[str, str]:
    (row,) = admin.rows(
        "SELECT current_setting('server_version') AS version, current_setting('shared_buffers') AS buffers, "
        "current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit"
    )
    return {
        "cores": f"{len(psutil.Process().cpu_affinity() or [])} ({_processor()})",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "fdatasync of a page": f"{sync_ms():.2f} ms",
        "PostgreSQL": f"{row['version']}, fsync {row['fsync']}, synchronous_commit {row['commit']}, "
        f"shared_buffers {row['buffers']}",
        "Python": f"{platform.python_version()}, asyncpg {version('asyncpg')}, uvicorn {version('uvicorn')}",
        "load generator": _generator(),
    }


def memory(api: Api) -> dict[str, float]:
    """Megabytes of all processes of the API: resident, and (on Linux) with shared pages counted once."""
    processes = api.processes()
    resident = [process.memory_info().rss / MEGABYTE for process in processes]
    found = {"processes": float(len(processes)), "rss_mb": sum(resident), "largest_rss_mb": max(resident)}
    rollups = [Path(f"/proc/{process.pid}/smaps_rollup") for process in processes]
    if all(rollup.exists() for rollup in rollups):
        found["pss_mb"] = sum(map(_proportional, rollups)) / MEGABYTE
    return found


def _proportional(rollup: Path) -> int:
    line = next(line for line in rollup.read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1_024


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def sync_ms() -> float:
    """How long a commit waits for the disk, at the least."""
    taken = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(SYNCS):
            file.write(BLOCK)
            before = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - before) * 1_000)
    return median(taken)


def _generator() -> str:
    said = subprocess.run([require_wrk(), "-v"], capture_output=True, text=True, check=False, timeout=10)
    return " ".join(said.stdout.split("[")[0].split())
