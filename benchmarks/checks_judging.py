"""Measures what judging runs for anomalies costs: `python -m benchmarks.checks_judging [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks import report
from benchmarks.database import Database, sql
from benchmarks.servers import migrated, postgres
from watcher.container import Container, closing
from watcher.domain.errors import StoreBusy
from watcher.domain.watcher import Watcher
from watcher.settings import Settings

RULES = ("total_rows", "inserts", "updates", "soft_deletes", "duration_seconds", "throughput")
MILLISECONDS, RATE = 2.0, 500.0
"""What is promised: at most so many milliseconds for an execution, at least so many executions a second."""

RETRY_SECONDS = 0.01
SETTLED = ("VACUUM (ANALYZE)", "CHECKPOINT")
SEED = sql("judging")


@dataclass(frozen=True, slots=True)
class Case:
    """So many pipelines, each with so long a history of a run every so many minutes, watched by so many rules."""

    name: str
    pipelines: int
    runs: int
    minutes: int
    rules: int = 1


CASES = (
    Case("1 pipeline, 1,000 runs, daily", 1, 1_000, 1_440),
    Case("1 pipeline, 100,000 runs, every 15 minutes", 1, 100_000, 15),
    Case("1 pipeline, 1,000,000 runs, every 15 minutes", 1, 1_000_000, 15),
    Case("1 pipeline, 1,000,000 runs, six rules", 1, 1_000_000, 15, 6),
    Case("1,000 pipelines, 100 runs each, daily", 1_000, 100, 1_440),
    Case("1,000 pipelines, 1,000 runs each, hourly", 1_000, 1_000, 60),
    Case("1,000 pipelines, 1,000 runs each, six rules", 1_000, 1_000, 60, 6),
)
QUICK = (CASES[0], CASES[4])


@dataclass(frozen=True, slots=True)
class Worked:
    """What some processes did: seconds on the clock, and of processor time in themselves, all together."""

    executions: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        return self.executions / self.seconds


async def judged(watcher: Watcher) -> int:
    """Judges until nothing is left; what others hold is waited for."""
    total = 0
    while True:
        try:
            taken = await watcher.detect_anomalies.step()
        except StoreBusy:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if not taken:
            return total
        total += taken


async def worked(dsn: str) -> Worked:
    container = Container(settings=Settings(database_url=SecretStr(dsn)))
    async with closing(container) as watcher:
        await watcher.anomaly_rules.get(1)
        gc.collect()
        gc.freeze()  # as a server does when it has started
        began, cpu = time.monotonic(), time.process_time()
        count = await judged(watcher)
        return Worked(count, time.monotonic() - began, time.process_time() - cpu)


def by_processes(database: Database, processes: int) -> Worked:
    """What so many processes at once come to."""
    program = [sys.executable, "-m", "benchmarks.checks_judging", "--work", database.dsn]
    running = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("A process that judges has failed.")
    parts = [[float(number) for number in output.split()] for output in outputs]
    counts, seconds, cpu = zip(*parts, strict=True)
    return Worked(int(sum(counts)), max(seconds), sum(cpu))


def wait_again(database: Database, runs: int) -> None:
    """The last runs of each pipeline are to be judged, as after their ends."""
    database.execute(
        [
            "TRUNCATE anomaly_detection_result, anomaly_incident, anomaly_pending RESTART IDENTITY",
            "UPDATE anomaly_detection_rule SET judged_to = NULL",
        ]
    )
    database.rows(sql("judging_waits"), runs)
    for statement in SETTLED:
        database.rows(statement)


def seeded(admin: Database, case: Case, turn: int) -> Database:
    database = migrated(admin, f"judging_{turn}")
    database.rows(sql("judging_pipelines"), case.pipelines)
    database.rows(SEED, case.runs, case.minutes)
    database.rows(sql("judging_rules"), list(RULES[: case.rules]))
    return database


def measure(admin: Database, cases: Sequence[Case], screen: Console, executions: int) -> bool:
    table = Table(title="Judging: milliseconds for an execution, executions a second")
    for heading in ("history", "own CPU ms", "database ms", "together ms", "1 process", "2 processes"):
        table.add_column(heading, justify="left" if heading == "history" else "right")
    kept = True
    for turn, case in enumerate(cases):
        database = seeded(admin, case, turn)
        each = max(1, executions // case.pipelines)
        wait_again(database, each)
        one = by_processes(database, 1)
        wait_again(database, each)
        two = by_processes(database, 2)
        own, together = 1_000 * one.cpu / one.executions, 1_000 * one.seconds / one.executions
        figures = (own, together - own, together)
        kept &= case.rules > 1 or (together <= MILLISECONDS and one.rate >= RATE)
        table.add_row(case.name, *(f"{each:.2f}" for each in figures), f"{one.rate:,.0f}", f"{two.rate:,.0f}")
        screen.print(f"[dim]{case.name}: {one.executions:,} and {two.executions:,} judged[/]")
        database.sibling("postgres").execute([f'DROP DATABASE "{database.name}"'])
    screen.print(table)
    screen.print(
        f"Promised for one rule, with one process: at most {MILLISECONDS:g} ms, at least {RATE:g} a second: "
        + ("[green]kept[/]" if kept else "[red]missed[/]")
    )
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks_judging", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short histories only")
    parser.add_argument("--work", metavar="DSN", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.work:
        done = asyncio.run(worked(parsed.work))
        print(done.executions, done.seconds, done.cpu)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Told to stop."))
    screen = report.console()
    with postgres() as admin:
        cases, executions = (QUICK, 1_000) if parsed.quick else (CASES, 3_000)
        return 0 if measure(admin, cases, screen, executions) else 1


if __name__ == "__main__":
    sys.exit(main())
