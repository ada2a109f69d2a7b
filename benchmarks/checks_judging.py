"""What judging a run costs at any length of the history of its pipeline, in batches and alone.

`python -m benchmarks.checks_judging DSN` is a process that judges all that waits.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr

from benchmarks.checks_plan import ChecksPlan
from benchmarks.database import Database, sql
from benchmarks.measure import Load, RunVoid, timed
from benchmarks.servers import migrated
from watcher.adapters.postgres.queries import Query
from watcher.container import Container, closing
from watcher.settings import Settings

RULES = ("total_rows", "inserts", "updates", "soft_deletes", "duration_seconds", "throughput")
MINUTES = 15
WARM_UP = 5
SETTLED = ("VACUUM (ANALYZE)", "CHECKPOINT")
CONNECTED = Query.parsed("connected", "SELECT 1 AS there")


@dataclass(frozen=True, slots=True)
class Worked:
    """What a process did: seconds on the clock, and of its own processor time."""

    executions: int
    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Runs of one pipeline with so long a history, judged by so many rules: by a batch after the other, and alone.

    `alone` observes the processor time of the judging process, in seconds.
    """

    length: int
    rules: int
    batched: Worked
    alone: Load

    @property
    def name(self) -> str:
        return f"{self.length:,} runs, {self.rules} rule{'s' if self.rules > 1 else ''}"

    @property
    def own_ms(self) -> float:
        return 1_000 * self.batched.cpu / self.batched.executions

    @property
    def together_ms(self) -> float:
        return 1_000 * self.batched.seconds / self.batched.executions


def judging(admin: Database, plan: ChecksPlan, progress: Callable[[str], None]) -> list[Judged]:
    database = watched(admin, "judging", len(plan.lengths))
    for pipeline, length in enumerate(plan.lengths, start=1):
        progress(f"a history of {length:,} runs: filling")
        database.rows(sql("judging"), length, MINUTES, pipeline)
    database.execute(SETTLED)
    taken = []
    for rules in (1, len(RULES)):
        for pipeline, length in enumerate(plan.lengths, start=1):
            progress(f"judging after {length:,} runs by {rules}")
            wait_again(database, plan.batched, rules, pipeline)
            batched = by_process(database)
            wait_again(database, plan.alone + WARM_UP, rules, pipeline)
            taken.append(Judged(length, rules, batched, by_one(database)))
    return taken


def watched(admin: Database, name: str, pipelines: int) -> Database:
    """A database with so many pipelines, each with a rule for each metric."""
    database = migrated(admin, name)
    database.rows(sql("judging_pipelines"), pipelines)
    database.rows(sql("judging_rules"), list(RULES))
    return database


def wait_again(database: Database, runs: int, rules: int, pipeline: int | None = None) -> None:
    """The last runs of each pipeline, or of that one, are to be judged by its first rules, as after their ends."""
    database.execute(
        [
            "TRUNCATE anomaly_detection_result, anomaly_incident, anomaly_pending RESTART IDENTITY",
            "UPDATE anomaly_detection_rule SET judged_to = NULL",
        ]
    )
    database.rows(sql("judging_waits"), runs, rules, pipeline)
    database.execute(
        ["VACUUM (ANALYZE) anomaly_detection_rule, anomaly_pending, anomaly_detection_result", "CHECKPOINT"]
    )


def by_process(database: Database) -> Worked:
    """What a process of its own does."""
    program = [sys.executable, "-m", "benchmarks.checks_judging", database.dsn]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RunVoid("A process that judges has failed.")
    executions, seconds, cpu = done.stdout.split()
    return Worked(int(executions), float(seconds), float(cpu))


def by_one(database: Database) -> Load:
    """Each run that waits is judged alone, in a transaction of its own, with no other waiting."""
    waiting = database.rows(
        "DELETE FROM anomaly_pending RETURNING pipeline_execution_id, pipeline_id, rule_ids"
    )

    async def measured() -> Load:
        seconds, cpu = [], 0.0
        container = _container(database)
        async with closing(container):
            for row in sorted(waiting, key=lambda each: int(each["pipeline_execution_id"])):
                await container.database().rows(ENDED, run=row[0], pipeline=row[1], rules=row[2])
                began, busy = time.perf_counter(), time.process_time()
                done = await container.anomaly_results().judge(1, datetime.now(UTC))
                seconds.append(time.perf_counter() - began)
                cpu += time.process_time() - busy if len(seconds) > WARM_UP else 0.0
                if done.taken != 1:
                    raise RunVoid("A run that waited was not judged.")
        return timed(seconds[WARM_UP:], cpu=cpu)

    return asyncio.run(measured())


ENDED = Query.parsed(
    "ended",
    "INSERT INTO anomaly_pending (pipeline_execution_id, pipeline_id, rule_ids) VALUES (:run, :pipeline, :rules)",
)


async def _worked(dsn: str) -> Worked:
    container = _container(Database(dsn))
    async with closing(container) as watcher:
        await container.database().rows(CONNECTED)
        began, busy = time.monotonic(), time.process_time()
        count = await _all(watcher.detect_anomalies.step)
        return Worked(count, time.monotonic() - began, time.process_time() - busy)


async def _all(step: Callable[[], Awaitable[int]]) -> int:
    total = 0
    while taken := await step():
        total += taken
    return total


def _container(database: Database) -> Container:
    return Container(settings=Settings(database_url=SecretStr(database.dsn), pool_size=2))


if __name__ == "__main__":
    worked = asyncio.run(_worked(sys.argv[1]))
    print(worked.executions, worked.seconds, worked.cpu)
