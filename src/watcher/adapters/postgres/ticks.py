"""The last tick of each job in PostgreSQL."""

import logging
from datetime import datetime

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.jobs import Job
from watcher.domain.schedule import DISBELIEVED_AHEAD, FURTHEST_AHEAD

log = logging.getLogger(__name__)

SQL = load("ticks")


class PostgresTicks:
    """`Ticks` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, job: Job, tick: datetime, taker: str, now: datetime) -> bool:
        if tick - now > FURTHEST_AHEAD:
            log.warning("A tick of %s at %s is not taken: it is %s, so a clock is wrong", job, tick, now)
            return False
        row = await self._database.row(
            SQL["take"], job=job, tick=tick, taker=taker, now=now, believed=now + DISBELIEVED_AHEAD
        )
        if row is not None and row["before"] is not None and row["before"] > tick:
            log.warning("The tick of %s at %s was taken by a wrong clock: it is %s", job, row["before"], now)
        return row is not None
