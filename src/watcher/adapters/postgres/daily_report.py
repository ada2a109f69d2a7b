"""The daily report, in PostgreSQL."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date

import asyncpg

from watcher.adapters.postgres.database import Database, Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.page import Slice
from watcher.domain.report import DayKey, DayTotals, PipelineDay, ReportFilter
from watcher.domain.text import name_key

SQL = load("daily_report")

RUNS_AT_ONCE = 5_000
DAYS_AT_ONCE = 1_000
POLL_SECONDS = 0.05
POLLS = 100


class PostgresDailyReport:
    """`DailyReport` by SQL.

    Kept are the sums of days. Which of them are true follows from the record alone: a day changes only by a run
    that begins, which has an id beyond `known_to`, by one that ends, which was `running`, and by cleaning up,
    which computes what it touched anew.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: ReportFilter, limit: int, after: DayKey | None = None) -> Slice[PipelineDay]:
        async with self._database.reading() as snapshot:
            await snapshot.replan()
            known = await snapshot.row(SQL["known_to"])
            rows = await snapshot.rows(
                SQL["page"],
                known_to=known["known_to"] if known else 0,
                pipeline_id=wanted.pipeline_id,
                named=await _named(snapshot, wanted),
                name_key=None if wanted.pipeline_name is None else name_key(wanted.pipeline_name),
                type_key=None if wanted.pipeline_type is None else name_key(wanted.pipeline_type),
                day_from=_number(wanted.day_from or date.min),
                day_to=_number(wanted.day_to or date.max),
                after_day=_number(date.max if after is None else after.day) + (after is None),
                after_pipeline=0 if after is None else after.pipeline_id,
                limit=limit + 1,
            )
        return Slice.cut([_day(row) for row in rows], limit)

    async def certain(self) -> int:
        drawn = await self._database.row(SQL["drawn"])
        adding = await self._adding()
        for _ in range(POLLS):
            if not adding:
                return int(drawn["last"]) if drawn else 0
            await asyncio.sleep(POLL_SECONDS)
            adding &= await self._adding()
        return 0

    async def _adding(self) -> set[str]:
        return {row["name"] for row in await self._database.rows(SQL["adding"])}

    async def refresh(self, known_to: int) -> bool:
        async with self._database.transaction() as transaction:
            held = await transaction.row(SQL["try_hold"])
            if held is None:
                return False
            await transaction.replan()
            after, drawn = held["known_to"], await transaction.row(SQL["drawn"])
            # Less was drawn than a moment ago where somebody emptied the table and began to count anew.
            reached = min(after + RUNS_AT_ONCE, known_to, drawn["last"] if drawn else 0)
            if after < reached:
                begun = await transaction.rows(SQL["begun"], after=after, known_to=reached)
                await keep(transaction, begun)
                await transaction.rows(SQL["known"], known_to=reached)
                return True
            ended = await transaction.rows(SQL["ended"], limit=DAYS_AT_ONCE)
            await keep(transaction, ended)
            return len(ended) == DAYS_AT_ONCE


async def keep(transaction: Transaction, days: Iterable[asyncpg.Record], *, shrunk: bool = False) -> None:
    """Computes these days anew, within a transaction that holds `report_upkeep`. `shrunk` where runs are gone."""
    wanted: Sequence[tuple[int, date]] = sorted({(row["pipeline_id"], row["day"]) for row in days})
    for first in range(0, len(wanted), DAYS_AT_ONCE):
        some = wanted[first : first + DAYS_AT_ONCE]
        columns = {
            "pipeline_ids": [pipeline_id for pipeline_id, _ in some],
            "days": [_number(day) for _, day in some],
        }
        await transaction.plan_once()
        await transaction.rows(SQL["keep"], **columns)
        if shrunk:
            await transaction.replan()
            await transaction.rows(SQL["drop_empty"], **columns)


async def _named(snapshot: Transaction, wanted: ReportFilter) -> Sequence[int] | None:
    """The pipelines with the wanted part in their name, which only the domain can tell; None where none is wanted."""
    if wanted.name_contains is None:
        return None
    return [row["id"] for row in await snapshot.rows(SQL["names"]) if wanted.admits_name(row["name"])]


def _number(day: date) -> int:
    return (day - date.min).days


def _day(row: asyncpg.Record) -> PipelineDay:
    fields = dict(row)
    key = DayKey(fields.pop("day"), fields.pop("pipeline_id"))
    name, type_name = fields.pop("pipeline_name"), fields.pop("pipeline_type_name")
    p95 = fields.pop("p95_duration")
    totals = DayTotals(p95_duration=p95, **{field: int(value) for field, value in fields.items()})
    return PipelineDay.of(key, name, type_name, totals)
