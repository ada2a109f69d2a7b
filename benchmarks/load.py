"""HTTP load by `wrk`: a generator in Python would cost more than the server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.measure import Load, RunVoid

LUA = Path(__file__).parent / "lua"
REQUEST_SECONDS = 20
MILLISECOND = 1_000
SECOND = 1_000_000


def require_wrk() -> str:
    program = shutil.which("wrk")
    if program is None:
        raise RunVoid("The HTTP load comes from `wrk`, which is not installed: `apt-get install wrk`.")
    return program


def threads_for(connections: int) -> int:
    """As many as pgbench gets."""
    return min(2, connections)


def wrk(url: str, script: str, connections: int, seconds: int, *arguments: int) -> Load:
    """Runs one of the scripts. Raises `RunVoid` unless every single answer was a success."""
    command = [
        require_wrk(),
        f"--threads={threads_for(connections)}",
        f"--connections={connections}",
        f"--duration={seconds}s",
        f"--timeout={REQUEST_SECONDS}s",
        f"--script={LUA / script}.lua",
        url,
        *map(str, arguments),
    ]
    environment = {**os.environ, "LUA_PATH": f"{LUA}/?.lua"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=seconds + 60
    )
    result = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if done.returncode != 0 or result is None:
        raise RunVoid(f"wrk failed on {script}: {done.stderr.strip() or done.stdout.strip()}")
    return _load(script, json.loads(result))


def _load(script: str, result: dict[str, int]) -> Load:
    if result["exhausted"]:
        raise RunVoid(
            f"The {script} requests ran out of executions to end: the server is faster than foreseen."
        )
    failed = {name: result[name] for name in ("refused", "broken", "late") if result[name]}
    if failed or not result["requests"]:
        raise RunVoid(f"Not every {script} request succeeded: {failed} of {result['requests']} requests.")
    return Load(
        requests=result["requests"],
        seconds=result["microseconds"] / SECOND,
        p50_ms=result["p50"] / MILLISECOND,
        p99_ms=result["p99"] / MILLISECOND,
    )
