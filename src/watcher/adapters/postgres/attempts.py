"""The messages that are being worked on, in PostgreSQL."""

from datetime import datetime

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.attempts import KEPT
from watcher.domain.jobs import Job

SQL = load("attempts")


class PostgresAttempts:
    """`Attempts` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begun(self, message: str, job: Job, now: datetime) -> int:
        rows = await self._database.rows(
            SQL["begun"], message=message, job=job, now=now, forgotten_before=now - KEPT
        )
        return int(rows[0]["attempts"])

    async def ended(self, message: str) -> None:
        await self._database.rows(SQL["ended"], message=message)
