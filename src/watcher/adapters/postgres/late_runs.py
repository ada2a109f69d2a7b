"""The late runs in PostgreSQL."""

from datetime import datetime

import asyncpg

from watcher.adapters.postgres.check_logs import logged
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.page import Page, Slice
from watcher.domain.span import Datepart
from watcher.domain.timeliness import LateRun, LateRunFilter, TimelinessChecked

SQL = load("late_runs")


class PostgresLateRuns:
    """`LateRuns` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, now: datetime, since: datetime) -> TimelinessChecked:
        """Planned for `since`: how much ended since then decides what is the best way to it."""
        rows = await self._database.rows_replanned(SQL["check"], now=now, since=since)
        return TimelinessChecked(
            [_late_run(row) for row in rows if row["found"]],
            [_late_run(row) for row in rows if not row["found"]],
        )

    async def checked_to(self) -> datetime | None:
        row = await self._database.row(SQL["checked_to"])
        return None if row is None else row["checked_to"]

    async def note_checked(self, to: datetime) -> None:
        await self._database.rows(SQL["note_checked"], to=to)

    async def page(self, wanted: LateRunFilter, page: Page) -> Slice[LateRun]:
        rows = await logged(self._database, SQL, wanted, page)
        return Slice.cut([_late_run(row) for row in rows], page.limit)


def _late_run(row: asyncpg.Record) -> LateRun:
    values = {name: value for name, value in row.items() if name != "found"}
    values["threshold_datepart"] = Datepart(row["threshold_datepart"])
    return LateRun(**values)
