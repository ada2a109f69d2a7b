"""Measures what Watcher promises about watching: `python -m benchmarks.checks [--quick]`."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from rich.console import Console

from benchmarks import checks_report, checks_taken, machine, report
from benchmarks.checks_ends import ends
from benchmarks.checks_judging import judging
from benchmarks.checks_passes import checked
from benchmarks.checks_plan import FULL, QUICK, ChecksPlan
from benchmarks.checks_taken import Taken
from benchmarks.checks_worker import by_worker
from benchmarks.database import Counters, Database
from benchmarks.load import require_wrk
from benchmarks.measure import RunVoid
from benchmarks.servers import migrated, postgres
from watcher.adapters.embedded import EmbeddedPostgresError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run on little, not a measurement")
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
    checks_report.show(screen, taken)
    found = checks_taken.all_of(taken)
    report.show_promises(screen, found)
    path = report.save(plan.name, facts, taken.raw(), found)
    screen.print(f"The raw results are in {path.relative_to(path.parents[2])}.")
    return 0


def measure(admin: Database, plan: ChecksPlan, screen: Console) -> Taken:
    began = time.monotonic()

    def progress(line: str) -> None:
        screen.print(f"[dim]{time.monotonic() - began:5.0f} s  {line}[/]")

    database = migrated(admin, "checks")
    counters = Counters(database, admin)
    counters.install()
    taken = Taken(
        checked(database, counters, plan, progress),
        judging(admin, plan, progress),
        by_worker(admin, plan, progress),
        ends(admin, counters, plan, progress),
    )
    progress("done")
    return taken


if __name__ == "__main__":
    sys.exit(main())
