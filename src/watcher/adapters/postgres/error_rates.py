"""What goes wrong, counted in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.error_rates import ErrorSpell, Look, Rate, Slot, Source

SQL = load("error_rates")


class PostgresErrorRates:
    """`ErrorRates` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, process: str, slots: Sequence[Slot], forgotten_before: datetime) -> None:
        await self._database.rows(
            SQL["add"],
            process=process,
            began_at=[slot.began_at for slot in slots],
            sources=[slot.source for slot in slots],
            totals=[slot.total for slot in slots],
            failures=[slot.failed for slot in slots],
            forgotten_before=forgotten_before,
        )

    async def looked(self, since: datetime) -> Mapping[Source, Look]:
        rows = await self._database.rows(SQL["looked"], since=since)
        rates = {row["source"]: Rate(row["total"], row["failed"]) for row in rows if not row["lasts"]}
        lasting = {row["source"] for row in rows if row["lasts"]}
        return {
            source: Look(rates.get(source, Rate()), source in lasting)
            for source in Source
            if source in rates or source in lasting
        }

    async def record(
        self, opened: Mapping[Source, Rate], ended: Sequence[Source], window: timedelta, now: datetime
    ) -> Sequence[ErrorSpell]:
        rows = await self._database.rows(
            SQL["record"],
            ended=list(ended),
            sources=list(opened),
            totals=[rate.total for rate in opened.values()],
            failures=[rate.failed for rate in opened.values()],
            window_seconds=int(window.total_seconds()),
            now=now,
        )
        return [ErrorSpell(**dict(row) | {"source": Source(row["source"])}) for row in rows]
