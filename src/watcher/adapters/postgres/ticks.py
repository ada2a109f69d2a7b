"""The last tick of each job in PostgreSQL."""

from datetime import datetime

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.jobs import Job

SQL = load("ticks")


class PostgresTicks:
    """`Ticks` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, job: Job, tick: datetime, taker: str, now: datetime) -> bool:
        row = await self._database.row(SQL["take"], job=job, tick=tick, taker=taker, now=now)
        return row is not None
