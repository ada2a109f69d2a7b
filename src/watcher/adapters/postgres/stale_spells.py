"""The spells of stale data in PostgreSQL."""

from datetime import datetime

import asyncpg

from watcher.adapters.postgres.check_logs import logged
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.freshness import FreshnessChecked, SpellEnding, SpellFilter, StaleSpell
from watcher.domain.page import Page, Slice
from watcher.domain.span import Datepart

SQL = load("stale_spells")


class PostgresStaleSpells:
    """`StaleSpells` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, now: datetime) -> FreshnessChecked:
        rows = await self._database.rows_replanned(SQL["check"], now=now)
        spells = [_spell(row) for row in rows]
        return FreshnessChecked(
            [spell for spell in spells if spell.ended_at is None],
            [spell for spell in spells if spell.ended_at is not None],
        )

    async def page(self, wanted: SpellFilter, page: Page) -> Slice[StaleSpell]:
        rows = await logged(self._database, SQL, wanted, page)
        return Slice.cut([_spell(row) for row in rows], page.limit)


def _spell(row: asyncpg.Record) -> StaleSpell:
    values = dict(row)
    values["threshold_datepart"] = Datepart(row["threshold_datepart"])
    values["ending"] = None if row["ending"] is None else SpellEnding(row["ending"])
    return StaleSpell(**values)
