"""The spells of stale data in PostgreSQL."""

from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import Query, load
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
        rows = await self._database.read(
            _page_query(wanted),
            pipeline_id=wanted.pipeline_id,
            open=wanted.open,
            after=page.after,
            limit=page.limit + 1,
        )
        return Slice.cut([_spell(row) for row in rows], page.limit)


def _page_query(wanted: SpellFilter) -> Query:
    """The statement whose index narrows the wanted the most."""
    if wanted.pipeline_id is not None:
        return SQL["page_of_pipeline"]
    return SQL["page_of_open" if wanted.open else "page_of_all"]


def _spell(row: asyncpg.Record) -> StaleSpell:
    values = dict(row)
    values["threshold_datepart"] = Datepart(row["threshold_datepart"])
    values["ending"] = None if row["ending"] is None else SpellEnding(row["ending"])
    return StaleSpell(**values)
