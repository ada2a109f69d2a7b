"""The executions in PostgreSQL: each verb one statement over arrays, one verdict for each of its rows."""

from asyncio import gather
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

import asyncpg

from watcher.adapters.postgres.database import Database, json_text
from watcher.adapters.postgres.queries import Query, load
from watcher.domain.errors import StoreBusy, StoreRefused, WatcherError
from watcher.domain.execution import (
    End,
    Execution,
    ExecutionNotFound,
    Outcome,
    ParentExecutionNotFound,
    Record,
    Start,
)
from watcher.domain.executions import Ended, ExecutionFilter, Started, Status
from watcher.domain.page import CursorUnknown, Page, Slice
from watcher.domain.pipeline import PipelineNotFound

SQL = load("executions")

LONG = 500
"""Lists longer than this are worth a plan of their own."""

ROUNDS = 5

Content: TypeAlias = tuple[int | datetime | str | None, ...]
Item = TypeVar("Item")
Done = TypeVar("Done", Started, Ended)


class PostgresExecutions:
    """`Executions` by SQL.

    A statement does what the rules admit and stays silent about the rest. Only what it was silent about is
    looked at again, to say why; what turns out to have been held up by a neighbour (two outcomes for one run
    in one list) is tried once more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, starts: Sequence[Start]) -> list[Started | WatcherError]:
        async def begun(some: Sequence[Start]) -> dict[int, Started]:
            if all(start.parent_id is None and start.external_id is None for start in some):
                return _by_content(some, await self._rows(SQL["start_roots"], some, **_start_columns(some)))
            rows = await self._rows(SQL["start"], some, **_start_columns(some))
            return {row["position"] - 1: Started(row["id"]) for row in rows}

        return await _settled(starts, begun, self._why_not_begun)

    async def end(self, ends: Sequence[End]) -> list[Ended | WatcherError]:
        async def ended(some: Sequence[End]) -> dict[int, Ended]:
            columns = _outcome_columns([end.outcome for end in some])
            rows = await self._rows(SQL["end"], some, ids=[end.id for end in some], **columns)
            return {row["position"] - 1: Ended(row["id"], watched=row["watched"]) for row in rows}

        return await _settled(ends, ended, self._why_not_ended)

    async def record(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        async def recorded(some: Sequence[Record]) -> dict[int, Started]:
            starts = _start_columns([record.start for record in some])
            outcomes = _outcome_columns([record.outcome for record in some])
            rows = await self._rows(SQL["record"], some, **starts, **outcomes)
            return {row["position"] - 1: Started(row["id"], watched=row["watched"]) for row in rows}

        async def why_not(some: Sequence[Record]) -> list[Started | WatcherError | None]:
            return await self._why_not_begun([record.start for record in some])

        turns = sorted(range(len(records)), key=lambda index: records[index].outcome.end_date)
        verdicts = await _settled([records[index] for index in turns], recorded, why_not)
        by_index = dict(zip(turns, verdicts, strict=True))
        by_index.update(await self._end_known(records, by_index))
        return [by_index[index] for index in range(len(records))]

    async def _end_known(
        self, records: Sequence[Record], verdicts: dict[int, Started | WatcherError]
    ) -> dict[int, Started | WatcherError]:
        """Gives its outcome to each run that was known already; answers with what became of that."""
        known = {
            index: End(verdict.id, records[index].outcome)
            for index, verdict in verdicts.items()
            if isinstance(verdict, Started) and verdict.repeated
        }
        ended = await self.end(list(known.values())) if known else []
        return {
            index: verdict
            if isinstance(verdict, WatcherError)
            else Started(verdict.id, repeated=True, watched=verdict.watched)
            for index, verdict in zip(known, ended, strict=True)
        }

    async def _rows(self, query: Query, some: Sequence[object], **columns: object) -> list[asyncpg.Record]:
        if len(some) > LONG:
            return await self._database.rows_replanned(query, **columns)
        return await self._database.rows(query, **columns)

    async def tree(self, identity: int) -> Sequence[Execution]:
        rows = await self._database.read(SQL["tree"], id=identity)
        if not rows:
            raise ExecutionNotFound(identity)
        return [_execution(row) for row in rows]

    async def page(self, wanted: ExecutionFilter, page: Page) -> Slice[Execution]:
        after_start = None
        if page.after is not None:
            found = await self._database.read(SQL["position"], id=page.after)
            if not found:
                raise CursorUnknown(page.after)
            after_start = found[0]["start_date"]
        rows = await self._database.read(
            _page_query(wanted),
            pipeline_id=wanted.pipeline_id,
            parent_id=wanted.parent_id,
            status=wanted.status,
            started_after=wanted.started_after,
            started_before=wanted.started_before,
            after_start=after_start,
            after_id=page.after,
            limit=page.limit + 1,
        )
        return Slice.cut([_execution(row) for row in rows], page.limit)

    async def _why_not_begun(self, starts: Sequence[Start]) -> list[Started | WatcherError | None]:
        rows = await self._database.rows(
            SQL["refusals"],
            pipeline_ids=[start.pipeline_id for start in starts],
            parent_ids=[start.parent_id for start in starts],
            external_ids=[start.external_id for start in starts],
        )
        by_position = {row["position"]: row for row in rows}
        return [_why_not_begun(start, by_position[turn]) for turn, start in enumerate(starts, start=1)]

    async def _why_not_ended(self, ends: Sequence[End]) -> list[Ended | WatcherError | None]:
        rows = await self._database.rows(SQL["by_ids"], ids=[end.id for end in ends])
        executions = {row["id"]: _execution(row) for row in rows}
        return [_why_not_ended(end, executions.get(end.id)) for end in ends]


async def _settled(
    items: Sequence[Item],
    done: Callable[[Sequence[Item]], Awaitable[dict[int, Done]]],
    why_not: Callable[[Sequence[Item]], Awaitable[list[Done | WatcherError | None]]],
) -> list[Done | WatcherError]:
    """One verdict for each item.

    Where the database refuses one that the rules admit, the list is halved until that one is alone; where
    somebody holds a row that one needs, which takes time to find out, each goes by itself at once.
    """
    try:
        return await _answered(items, done, why_not)
    except StoreRefused as refused:
        if len(items) == 1:
            (why,) = await why_not(items)  # a parent may have been cleaned up while this was done
            return [refused if why is None else why]
        half = len(items) // 2
        halves = (items[:half], items[half:])
        return [verdict for part in halves for verdict in await _settled(part, done, why_not)]
    except StoreBusy as busy:
        if len(items) > LONG:
            raise
        if len(items) == 1:
            return [busy]
    alone = await gather(*(_settled([item], done, why_not) for item in items))
    return [verdict for (verdict,) in alone]


async def _answered(
    items: Sequence[Item],
    done: Callable[[Sequence[Item]], Awaitable[dict[int, Done]]],
    why_not: Callable[[Sequence[Item]], Awaitable[list[Done | WatcherError | None]]],
) -> list[Done | WatcherError]:
    """By as many rounds as it takes: two, unless neighbours stood in the way."""
    verdicts: dict[int, Done | WatcherError] = {}
    waiting = list(range(len(items)))
    for _ in range(ROUNDS):
        answered = await done([items[index] for index in waiting])
        verdicts.update({waiting[turn]: verdict for turn, verdict in answered.items()})
        silent = [index for index in waiting if index not in verdicts]
        if silent:
            reasons = await why_not([items[index] for index in silent])
            verdicts.update({i: why for i, why in zip(silent, reasons, strict=True) if why is not None})
        waiting = [index for index in silent if index not in verdicts]
        if not waiting:
            return [verdicts[index] for index in range(len(items))]
    raise StoreBusy(f"others changed what this needs {ROUNDS} times while it was done")


def _why_not_begun(start: Start, row: asyncpg.Record) -> Started | WatcherError | None:
    if not row["pipeline_known"]:
        return PipelineNotFound(start.pipeline_id)
    if start.parent_id is not None and not row["parent_known"]:
        return ParentExecutionNotFound(start.parent_id)
    if row["repeated_id"] is not None:
        return Started(row["repeated_id"], repeated=True)
    return None


def _why_not_ended(end: End, execution: Execution | None) -> Ended | WatcherError | None:
    if execution is None:
        return ExecutionNotFound(end.id)
    try:
        ended = execution.ended(end.outcome)
    except WatcherError as refusal:
        return refusal
    return Ended(end.id, repeated=True) if ended is execution else None


def _by_content(starts: Sequence[Start], rows: Sequence[asyncpg.Record]) -> dict[int, Started]:
    """Which run each start began, in order among those of equal content."""
    begun: defaultdict[Content, deque[int]] = defaultdict(deque)
    for identity, *content in rows:
        begun[tuple(content)].append(identity)
    found: dict[int, Started] = {}
    for index, start in enumerate(starts):
        ids = begun.get((start.pipeline_id, start.start_date, start.watermark, start.next_watermark))
        if ids:
            found[index] = Started(ids.popleft())
    return found


def _start_columns(starts: Sequence[Start]) -> dict[str, object]:
    return {
        "pipeline_ids": [start.pipeline_id for start in starts],
        "start_dates": [start.start_date for start in starts],
        "watermarks": [start.watermark for start in starts],
        "next_watermarks": [start.next_watermark for start in starts],
        "parent_ids": [start.parent_id for start in starts],
        "external_ids": [start.external_id for start in starts],
    }


def _outcome_columns(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "end_dates": [outcome.end_date for outcome in outcomes],
        "successes": [outcome.completed_successfully for outcome in outcomes],
        "inserts": [outcome.inserts for outcome in outcomes],
        "updates": [outcome.updates for outcome in outcomes],
        "soft_deletes": [outcome.soft_deletes for outcome in outcomes],
        "total_rows": [outcome.total_rows for outcome in outcomes],
        "metadata": [json_text(outcome.execution_metadata) for outcome in outcomes],
    }


def _page_query(wanted: ExecutionFilter) -> Query:
    """The statement whose index narrows the wanted the most."""
    if wanted.parent_id is not None:
        return SQL["page_of_parent"]
    if wanted.pipeline_id is not None:
        return SQL["page_of_pipeline"]
    if wanted.status is Status.RUNNING:
        return SQL["page_of_running"]
    if wanted.status is Status.FAILED:
        return SQL["page_of_failed"]
    return SQL["page_of_all"]


def _execution(row: asyncpg.Record) -> Execution:
    return Execution(**row)
