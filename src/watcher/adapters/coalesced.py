"""Requests that are in flight at the same moment in one process become one statement.

A decorator of the ports: the first request of a moment departs at once, so a lone caller waits for nobody;
what arrives while a statement is under way departs together when it is back.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from watcher import traced
from watcher.domain.errors import StoreBusy, StoreUnavailable, WatcherError
from watcher.domain.execution import End, Execution, Record, Start
from watcher.domain.executions import Ended, ExecutionFilter, Executions, Started
from watcher.domain.lineage import (
    Lineage,
    LineageDeclaration,
    PipelineLineage,
    Replaced,
    Replacement,
    Standing,
)
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import (
    Pipeline,
    PipelineChanges,
    PipelineDeclaration,
    PipelineDeclared,
    PipelineNotFound,
    Pipelines,
)
from watcher.domain.text import Reference

BATCH_LIMIT = 256
ENDS_AT_ONCE = 1
"""A second batch of ends would be small, and wait for the row locks of the first on a hot pipeline."""

STARTS_AT_ONCE = 2
"""Starts and declarations lock nothing that others need: a second batch uses the time the first one waits."""

Item = TypeVar("Item")
Verdict = TypeVar("Verdict")
Boarded: TypeAlias = tuple[Item, asyncio.Future[Verdict], Context | None]
"""An item, who waits for its verdict, and the trace that it belongs to."""


class Coalescer(Generic[Item, Verdict]):
    """Gathers single items into batches for a verb that takes many.

    At most `lanes` batches of at most `batch_limit` items are under way at once. A caller that gives up
    leaves its batch alone: what departed is done, what did not depart is dropped.
    """

    def __init__(
        self,
        verb: Callable[[Sequence[Item]], Awaitable[list[Verdict]]],
        batch_limit: int = BATCH_LIMIT,
        lanes: int = 1,
    ) -> None:
        self._verb = verb
        self._batch_limit = batch_limit
        self._free_lanes = lanes
        self._opening = False
        self._waiting: deque[Boarded[Item, Verdict]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()

    async def __call__(self, items: Sequence[Item]) -> list[Verdict]:
        """The verdicts for the items. A list of several is a batch already and goes by itself."""
        if len(items) != 1:
            return await self._verb(items) if items else []
        return [await self._boarded(items[0])]

    def _boarded(self, item: Item) -> asyncio.Future[Verdict]:
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future, traced.context()))
        self._open_lane()
        return future

    def _open_lane(self) -> None:
        """One at a time: its first batch is whoever waits when the event loop comes to it."""
        if self._free_lanes and not self._opening:
            self._opening = True
            self._free_lanes -= 1
            # It serves others, too: nothing of the request that opens it goes with it.
            lane = asyncio.create_task(self._serve(), context=Context())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def _serve(self) -> None:
        """One lane: takes off with all who wait, again and again, until nobody does."""
        self._opening = False
        try:
            while batch := self._batch():
                if self._waiting:
                    self._open_lane()
                await self._fly(batch)
        finally:
            self._free_lanes += 1

    def _batch(self) -> list[Boarded[Item, Verdict]]:
        batch: list[Boarded[Item, Verdict]] = []
        while self._waiting and len(batch) < self._batch_limit:
            boarded = self._waiting.popleft()
            if not boarded[1].done():
                batch.append(boarded)
        return batch

    async def _fly(self, batch: list[Boarded[Item, Verdict]]) -> None:
        try:
            verdicts = await self._flown(batch)
            answers = list(zip(batch, verdicts, strict=True))
        except BaseException as error:
            # A store that is not there for some is not there for those who wait: they need not find out one
            # timeout after the other.
            told = [*batch, *self._waiting] if isinstance(error, StoreUnavailable) else batch
            if told is not batch:
                self._waiting.clear()
            for _, future, _ in told:
                if not future.done():
                    future.set_exception(_for_one(error))
            if not isinstance(error, Exception):
                raise
        else:
            for (_, future, _), verdict in answers:
                if not future.done():
                    future.set_result(verdict)

    async def _flown(self, batch: list[Boarded[Item, Verdict]]) -> list[Verdict]:
        """The verdicts. The statement shows in the trace of the first of the batch that has one."""
        items = [item for item, _, _ in batch]
        context = next((context for _, _, context in batch if context is not None), None)
        if context is None:
            return await self._verb(items)
        return await asyncio.create_task(_awaited(self._verb(items)), context=context)


async def _awaited(answer: Awaitable[Verdict]) -> Verdict:
    return await answer


def _for_one(error: BaseException) -> BaseException:
    """An exception that one waiter may raise without writing into the traceback of another's."""
    if isinstance(error, asyncio.CancelledError):
        return RuntimeError("the statement was cancelled at shutdown")
    if not isinstance(error, WatcherError):
        return error
    twin = copy(error)
    twin.__cause__ = error.__cause__
    return twin


class CoalescedExecutions:
    """`Executions` whose single starts and ends travel together."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._start: Coalescer[Start, Started | WatcherError] = Coalescer(
            executions.start, lanes=STARTS_AT_ONCE
        )
        self._end: Coalescer[End, Ended | WatcherError] = Coalescer(executions.end, lanes=ENDS_AT_ONCE)

    async def start(self, starts: Sequence[Start]) -> list[Started | WatcherError]:
        return await self._start(starts)

    async def end(self, ends: Sequence[End]) -> list[Ended | WatcherError]:
        return await self._end(ends)

    async def record(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        return await self._executions.record(records)

    async def tree(self, identity: int) -> Sequence[Execution]:
        return await self._executions.tree(identity)

    async def page(self, wanted: ExecutionFilter, page: Page) -> Slice[Execution]:
        return await self._executions.page(wanted, page)


@dataclass(frozen=True, slots=True)
class _Declaring:
    declaration: PipelineDeclaration
    now: datetime


class CoalescedPipelines:
    """`Pipelines` whose single declarations travel together, under the time of the latest among them."""

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines
        self._declare: Coalescer[_Declaring, PipelineDeclared | WatcherError] = Coalescer(
            self._declare_together, lanes=STARTS_AT_ONCE
        )

    async def declare(
        self, declarations: Sequence[PipelineDeclaration], now: datetime
    ) -> list[PipelineDeclared]:
        verdicts = await self._declare([_Declaring(declaration, now) for declaration in declarations])
        return [_declared(verdict) for verdict in verdicts]

    async def _declare_together(
        self, declaring: Sequence[_Declaring]
    ) -> list[PipelineDeclared | WatcherError]:
        """Where somebody holds a row that one of them needs, each goes by itself."""
        now = max(each.now for each in declaring)
        try:
            return list(await self._pipelines.declare([each.declaration for each in declaring], now))
        except StoreBusy as busy:
            if len(declaring) == 1:
                return [busy]
        alone = await asyncio.gather(*(self._declare_together([each]) for each in declaring))
        return [verdict for (verdict,) in alone]

    async def change(self, reference: Reference, changes: PipelineChanges, now: datetime) -> Pipeline:
        return await self._pipelines.change(reference, changes, now)

    async def get(self, identity: int) -> Pipeline:
        return await self._pipelines.get(identity)

    async def page(self, page: Page, name: str | None = None) -> Slice[Pipeline]:
        return await self._pipelines.page(page, name)


class CoalescedLineage:
    """`Lineage` whose single questions, whether a declaration is new, travel together, and single replacements."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._standing: Coalescer[LineageDeclaration, Standing | PipelineNotFound] = Coalescer(
            lineage.standing, lanes=STARTS_AT_ONCE
        )
        self._replace: Coalescer[Replacement, Replaced | WatcherError | None] = Coalescer(
            lineage.replace, lanes=STARTS_AT_ONCE
        )

    async def standing(self, declarations: Sequence[LineageDeclaration]) -> list[Standing | PipelineNotFound]:
        return await self._standing(declarations)

    async def replace(self, replacements: Sequence[Replacement]) -> list[Replaced | WatcherError | None]:
        return await self._replace(replacements)

    async def of_pipeline(self, pipeline_id: int, as_of: datetime | None = None) -> PipelineLineage:
        return await self._lineage.of_pipeline(pipeline_id, as_of)

    async def prune(self, before: datetime, limit: int) -> int:
        return await self._lineage.prune(before, limit)


def _declared(verdict: PipelineDeclared | WatcherError) -> PipelineDeclared:
    if isinstance(verdict, WatcherError):
        raise verdict
    return verdict
