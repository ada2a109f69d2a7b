"""The yardstick: PostgreSQL itself, running plain one-row statements by `pgbench`."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from statistics import quantiles

from benchmarks.database import SQL, Database
from benchmarks.load import MILLISECOND, threads_for
from benchmarks.measure import Load, RunVoid
from benchmarks.servers import PIPELINES
from watcher.adapters.embedded import binaries

LATENCY_FIELD = 2
"""Of a line of pgbench's log: the microseconds that the transaction took."""


def pgbench(database: Database, script: str, clients: int, seconds: int) -> Load:
    """Runs one of the scripts with prepared statements, over the unix socket as the API does."""
    with tempfile.TemporaryDirectory(prefix="watcher-benchmark-pgbench-") as directory:
        command = [
            str(binaries() / "pgbench"),
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={threads_for(clients)}",
            f"--time={seconds}",
            f"--file={SQL / script}.sql",
            f"--define=pipelines={PIPELINES}",
            f"--define=clients={clients}",
            "--define=done=0",
            f"--host={database.sockets}",
            "--username=watcher",
            *(["--log", f"--log-prefix={directory}/log"] if clients == 1 else []),
            database.name,
        ]
        done = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, check=False, timeout=seconds + 60
        )
        if done.returncode != 0:
            raise RunVoid(f"pgbench failed on {script}: {done.stderr.strip()}")
        return _load(done.stdout, Path(directory))


def _environment() -> dict[str, str]:
    """The session settings that the API uses too: they favour prepared statements."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off"}


def _load(output: str, directory: Path) -> Load:
    transactions = int(_found(r"number of transactions actually processed: (\d+)", output))
    if int(_found(r"number of failed transactions: (\d+)", output)):
        raise RunVoid(f"Transactions of pgbench failed:\n{output}")
    seconds = transactions / float(_found(r"tps = ([\d.]+)", output))
    logged = [line.split() for log in directory.glob("log*") for line in log.read_text().splitlines()]
    if not logged:
        return Load(transactions, seconds)
    cuts = quantiles([int(fields[LATENCY_FIELD]) / MILLISECOND for fields in logged], n=100)
    return Load(transactions, seconds, p50_ms=cuts[49], p99_ms=cuts[98])


def _found(pattern: str, output: str) -> str:
    match = re.search(pattern, output)
    if match is None:
        raise RunVoid(f"pgbench did not print {pattern!r}:\n{output}")
    return match[1]
