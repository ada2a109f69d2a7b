"""Takes a flame graph of an API worker under load: `python -m benchmarks.profile_api start`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.database import Counters
from benchmarks.machine import Disk
from benchmarks.measure import Load, RunVoid
from benchmarks.report import RESULTS
from benchmarks.servers import Api, api, migrated, postgres
from benchmarks.workload import Workload

FASTEST = 20_000
"""Executions to end that are made in advance, for each second."""

CONNECTIONS = 64
SECONDS = 10
VERBS = {"start": Workload.http_start, "end": Workload.http_end, "declare": Workload.http_declare}


@dataclass(frozen=True, slots=True)
class Profiler:
    """py-spy, which samples a running worker from outside."""

    program: str
    verb: str

    def under(self, server: Api, workload: Workload) -> Load:
        """Profiles one of the workers while it is under load."""
        worker = server.processes()[-1].pid
        RESULTS.mkdir(exist_ok=True)
        graph = RESULTS / f"profile-{self.verb}.svg"
        command = [
            self.program,
            "record",
            "--pid",
            str(worker),
            "--duration",
            str(SECONDS),
            "--output",
            str(graph),
        ]
        sampling = subprocess.Popen(command)
        try:
            load = VERBS[self.verb](workload, CONNECTIONS)
            if sampling.wait(timeout=60):
                raise RunVoid("py-spy failed: it may need to run as root (see above).")
        finally:
            sampling.kill()
        return load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_api", description=__doc__)
    verb = parser.add_argument("verb", choices=sorted(VERBS), nargs="?", default="start")
    verb.help = "what the load does"
    profiler = Profiler(shutil.which("py-spy") or "", parser.parse_args().verb)
    if not profiler.program:
        print(
            "The profile is taken by py-spy, which is not installed: `pip install py-spy`.", file=sys.stderr
        )
        return 1
    with postgres() as admin:
        database = migrated(admin, "benchmark")
        counters = Counters(database, admin)
        counters.install()
        with api(database) as server:
            running, seconds = FASTEST * SECONDS, SECONDS + 2
            load = profiler.under(server, Workload(database, server, counters, Disk(), running, seconds))
    print(f"{load.rate:,.0f} requests/s; the flame graph is benchmarks/results/profile-{profiler.verb}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
