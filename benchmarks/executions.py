"""Measures what Watcher promises: `python -m benchmarks.executions [--quick]`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace

from rich.console import Console

from benchmarks import bulk, growth, machine, promises, report, throughput
from benchmarks.database import Counters, Database
from benchmarks.load import require_wrk
from benchmarks.machine import Disk
from benchmarks.measure import RunVoid
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.promises import Taken
from benchmarks.servers import api, migrated, postgres
from benchmarks.throughput import yardstick
from benchmarks.workload import Workload
from watcher.adapters.embedded import EmbeddedPostgresError

PROBED = 40_000
"""Executions there before a run while the API's rate is not yet known, for each second of the run."""

BEFORE_STARTS = 20_000
WARM_UP = 64


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.executions", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run of a minute, not a measurement")
    plan = QUICK if parser.parse_args().quick else FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Told to stop."))
    screen = report.console()
    try:
        require_wrk()
        with postgres() as admin:
            facts = machine.facts(admin)
            report.show_facts(screen, facts)
            taken = measure(admin, plan, screen)
    except (RunVoid, EmbeddedPostgresError) as reason:
        screen.print(f"[bold red]This run is void:[/] {reason}", soft_wrap=True)
        return 1
    show(screen, taken)
    found = promises.all_of(taken, plan)
    report.show_promises(screen, found)
    path = report.save(plan.name, facts, taken.raw(), found)
    screen.print(f"The raw results are in {path.relative_to(path.parents[2])}.")
    return 0


def measure(admin: Database, plan: Plan, screen: Console) -> Taken:
    began = time.monotonic()

    def progress(line: str) -> None:
        screen.print(f"[dim]{time.monotonic() - began:5.0f} s  {line}[/]")

    database, disk = migrated(admin, "benchmark"), Disk()
    counters = Counters(database, admin)
    counters.install()
    with api(database) as server:
        seconds = plan.probe_seconds
        workload = Workload(database, server, counters, disk, running=PROBED * seconds, seconds=seconds)
        to_end = int(plan.headroom * warmed_up(workload) * plan.seconds)
        starting = replace(workload, running=BEFORE_STARTS, seconds=plan.seconds)
        start = throughput.starts(starting, plan, progress)
        end = throughput.ends(replace(starting, running=to_end), plan, progress)
        memory = {"starts and ends": machine.memory(server)}
        in_bulk = replace(workload, running=0, seconds=plan.bulk_seconds)
        taken = bulk.bulk(in_bulk, plan, progress)
        memory["bulk too"] = machine.memory(server)
    grown = growth.growth(admin, disk, plan, progress)
    return Taken(start, end, grown, taken, memory)


def warmed_up(workload: Workload) -> float:
    """Every worker opens its connections and prepares its statements; gives about how many requests a second."""
    runs = (workload.http_start, workload.http_end, workload.http_declare)
    return max(run(WARM_UP).rate for run in runs)


def show(screen: Console, taken: Taken) -> None:
    for result, title in ((taken.start, "Starts"), (taken.end, "Successful ends")):
        probed = ", ".join(f"c={c}: {load.rate:,.0f}" for c, load in result.probes.items())
        heading = f"{title} (pgbench probed: {probed})"
        report.show_rounds(screen, heading, result.rounds, "req", yardstick(result.best))
    report.show_rounds(screen, f"Bulk, c={bulk.CLIENTS}", taken.bulk, "records")
    report.show_rounds(screen, "Growth, c=1", taken.grown, "req")
    report.show_memory(screen, taken.memory)
    report.show_disk(screen, (taken.start.rounds, taken.end.rounds, taken.bulk, taken.grown))


if __name__ == "__main__":
    sys.exit(main())
