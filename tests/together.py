"""Runs the tests in three parts side by side: `python -m tests.together [pytest's options]`.

One part is what needs only a store, and some of the tests of whole servers; those wait more than they work, and are all
that is in the others. The output of the first is shown as it comes, that of the others when they are over. Fails when one
of them does. Where some tests are named, only those are run.
"""

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

STORES = ("tests/unit", "tests/contract")
SERVERS = Path("tests/integration")
PARTS = 3
SECONDS: Mapping[str, int] = {
    "beat_ping": 20,
    "bus": 70,
    "bus_flow": 15,
    "fault_suite": 55,
    "faults": 35,
    "http_alerts": 50,
    "http_alerts_of_work": 15,
    "http_bad_input": 20,
    "http_departures": 20,
    "http_errors": 15,
    "http_keys": 55,
    "http_limits": 20,
    "http_lineage_crowds": 25,
    "http_pipelines_of_requests": 15,
    "image": 80,
    "lineage_faults": 50,
    "metrics": 15,
    "nycflights_demo": 30,
    "openapi": 40,
    "replica": 20,
    "secrets_in_logs": 35,
    "telemetry": 45,
    "telemetry_of_programs": 30,
    "up": 40,
    "watching_faults": 70,
    "worker": 65,
    "worker_ping": 15,
}
"""How long the longest files of tests of servers take beside others, in about; it need not be true, but is better so."""

SECONDS_OF_OTHERS = 5
SECONDS_OF_STORES = 310


def parts(files: Sequence[Path]) -> Sequence[Sequence[str]]:
    """All tests, each once, in parts that take about as long: whatever takes longest goes first to where least is."""
    together: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(files):
        together[_name(file)].append(str(file))
    found: list[list[str]] = [[*STORES], *([] for _ in range(PARTS - 1))]
    taken = [SECONDS_OF_STORES, *(0 for _ in range(PARTS - 1))]
    for name in sorted(together, key=_seconds, reverse=True):
        least = taken.index(min(taken))
        taken[least] += _seconds(name)
        found[least] += together[name]
    return [sorted(part, key=lambda file: (file not in STORES, file)) for part in found]


def _name(file: Path) -> str:
    """What is run together: the files about SQL ask one large database, which takes seconds to fill."""
    name = file.stem.removeprefix("test_")
    return "sql" if name.startswith("sql_") else name


def _seconds(name: str) -> int:
    return SECONDS.get(name, SECONDS_OF_OTHERS)


def main() -> int:
    command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    if any(Path(option.partition("::")[0]).exists() for option in sys.argv[1:]):
        return subprocess.run(command, check=False).returncode
    first, *others = parts([*SERVERS.rglob("test_*.py")])
    with ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile()) for _ in others]
        beside = [
            subprocess.Popen([*command, *files], stdout=output, stderr=subprocess.STDOUT)
            for files, output in zip(others, said, strict=True)
        ]
        try:
            code = subprocess.run([*command, *first], check=False).returncode
        finally:
            codes = [each.wait() for each in beside]
        for output in said:
            output.seek(0)
            sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    return next(filter(None, (code, *codes)), 0)


if __name__ == "__main__":
    sys.exit(main())
