"""A worker like any other, but for what its jobs do: they misbehave, as their parameter says.

Arguments: seconds until a message that a killed worker held is visible again.
"""

import asyncio
import os
import signal
import sys

from dependency_injector import providers

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import Query
from watcher.container import Container
from watcher.domain.errors import InvalidValue, StoreBusy
from watcher.domain.jobs import Job, Progress, Terms, Work
from watcher.entrypoints.worker.program import work
from watcher.settings import Settings

LIMIT, POISON, BUSY, LONG, INVALID, STEPS, BROKEN = range(1, 8)
TERMS = {job: Terms("* * * * *", soft_seconds=5, retries=2, per_minute=100_000) for job in Job}
TERMS[Job.PRUNE_LINEAGE] = Terms("* * * * *", soft_seconds=1, retries=1)
NOTED = Query.parsed("noted", "INSERT INTO odd_job (job, oddity, pid) VALUES (:job, :oddity, :pid)")
BEGUN = Query.parsed("begun", "SELECT count(*)::INTEGER AS times FROM odd_job WHERE oddity = :oddity")
SLEEP = Query.parsed("sleep", "SELECT pg_sleep(60)")


class OddJobs:
    """What each job does instead."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, job: Job) -> Work:
        async def odd(lookback_minutes: int = 0) -> Progress:
            await self._database.rows(NOTED, job=str(job), oddity=lookback_minutes, pid=os.getpid())
            begun = await self._database.row(BEGUN, oddity=lookback_minutes)
            assert begun is not None
            return await self._does(lookback_minutes, begun["times"])

        return odd

    async def _does(self, oddity: int, times: int) -> Progress:
        if oddity == LIMIT:
            await self._database.rows(SLEEP)
        if oddity == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if oddity == BUSY and times < 3:
            raise StoreBusy("it is odd")
        if oddity == LONG:
            await asyncio.sleep(2)
        if oddity == INVALID:
            raise InvalidValue("oddity", "is not to be done")
        if oddity == BROKEN:
            raise ZeroDivisionError
        return Progress.MORE if oddity == STEPS and times < 5 else Progress.DONE


def container(settings: Settings) -> Container:
    graph = Container(settings=settings)
    jobs = OddJobs(graph.database())
    graph.work.override(providers.Object({job: jobs.of(job) for job in Job}))
    return graph


if __name__ == "__main__":
    raise SystemExit(
        work(
            Settings(),
            terms=TERMS,
            container=container,
            visibility_timeout=int(sys.argv[1]),
            unacked_restore_interval=1,
        )
    )
