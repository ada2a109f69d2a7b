"""Two worlds that live through the same history: what the one in memory says, PostgreSQL has to say too."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tests.contract.world import NOBODY, World
from watcher.domain.errors import WatcherError
from watcher.domain.execution import End, Execution, ExecutionAlreadyEnded, Record, Start
from watcher.domain.executions import Ended, ExecutionFilter, Started
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import (
    Pipeline,
    PipelineChanges,
    PipelineDeclaration,
    PipelineDeclared,
    PipelineNotFound,
)
from watcher.domain.pipeline_type import (
    PipelineType,
    PipelineTypeChanges,
    PipelineTypeDeclaration,
    PipelineTypeNotFound,
)
from watcher.domain.text import Reference

T = TypeVar("T")
Verdict = Started | Ended | WatcherError


class OwnLoop:
    """An event loop for those who cannot await. It stands still between two calls, and needs no thread to hop to."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(_in_time(work))

    def close(self) -> None:
        self._loop.close()


async def _in_time(work: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(60):
        return await work


class Twins:
    """`memory` and `postgres` with the same history. Ids are those of the memory, and translated."""

    def __init__(self, memory: World, postgres: World) -> None:
        self.memory, self.postgres = memory, postgres
        self.runs: dict[int, int] = {NOBODY: NOBODY}
        self.pipelines: dict[int, int] = {NOBODY: NOBODY}
        self.pipeline_types: dict[int, int] = {NOBODY: NOBODY}

    async def agree(self) -> None:
        """Compares all that is on record: types, pipelines, executions, and the tree of every root."""
        types = await self.memory.all_pipeline_types(), await self.postgres.all_pipeline_types()
        self.pipeline_types |= _by_name(*types)
        assert types[0] == sorted(self.told(types[1]), key=lambda row: row.id)
        pipelines = await self.memory.all_pipelines(), await self.postgres.all_pipelines()
        self.pipelines |= _by_name(*pipelines)
        assert pipelines[0] == self.told(pipelines[1])
        await self.same_page(ExecutionFilter(), Page())
        runs = (await self.memory.executions.page(ExecutionFilter(), Page())).items
        await self.same_trees([run.id for run in runs if run.parent_id is None])

    async def same_trees(self, identities: Sequence[int]) -> None:
        for identity in identities:
            tree = await self.memory.executions.tree(identity)
            assert tree == self.told(await self.postgres.executions.tree(self.runs[identity]))

    async def same_page(self, wanted: ExecutionFilter, page: Page) -> None:
        there = replace(
            wanted,
            pipeline_id=self._there(self.pipelines, wanted.pipeline_id),
            parent_id=self._there(self.runs, wanted.parent_id),
        )
        page_there = replace(page, after=self._there(self.runs, page.after))
        said = await verdict(self.memory.executions.page(wanted, page))
        assert said == self.told(await verdict(self.postgres.executions.page(there, page_there)))

    async def declare(self, declarations: Sequence[PipelineDeclaration]) -> None:
        now = self.memory.clock.now()
        said = await self.memory.pipelines.declare(declarations, now)
        self._same_declared(said, await self.postgres.pipelines.declare(declarations, now))

    async def declare_at_once(self, declarations: Sequence[PipelineDeclaration]) -> None:
        now = self.memory.clock.now()
        answers = await asyncio.gather(
            *(self.postgres.pipelines.declare([each], now) for each in declarations)
        )
        said = sorted(zip(declarations, answers, strict=True), key=lambda pair: pair[1][0].id)
        for declaration, answer in said:
            self._same_declared(await self.memory.pipelines.declare([declaration], now), answer)

    async def change(self, reference: Reference, changes: PipelineChanges) -> None:
        now = self.memory.clock.now()
        said = await verdict(self.memory.pipelines.change(reference, changes, now))
        there = changes.copy()
        if "pipeline_type_id" in changes:
            there["pipeline_type_id"] = self.pipeline_types[changes["pipeline_type_id"]]
        reference = self.pipelines[reference] if isinstance(reference, int) else reference
        assert said == self.told(await verdict(self.postgres.pipelines.change(reference, there, now)))

    async def declare_type(self, declared: PipelineTypeDeclaration) -> None:
        now = self.memory.clock.now()
        said = await self.memory.pipeline_types.declare(declared, now)
        there = await self.postgres.pipeline_types.declare(declared, now)
        assert self.pipeline_types.setdefault(said.id, there.id) == there.id
        assert said.created == there.created

    async def change_type(self, reference: Reference, changes: PipelineTypeChanges) -> None:
        now = self.memory.clock.now()
        said = await verdict(self.memory.pipeline_types.change(reference, changes, now))
        reference = self.pipeline_types[reference] if isinstance(reference, int) else reference
        assert said == self.told(await verdict(self.postgres.pipeline_types.change(reference, changes, now)))

    async def start(self, starts: Sequence[Start]) -> None:
        said = await self.memory.executions.start(starts)
        there = await self.postgres.executions.start([self._start(each) for each in starts])
        self._same_verdicts(said, there)

    async def end(self, ends: Sequence[End]) -> None:
        said = await self.memory.executions.end(ends)
        there = await self.postgres.executions.end([self._end(each) for each in ends])
        self._same_verdicts(said, there)

    async def record(self, records: Sequence[Record]) -> None:
        said = await self.memory.executions.record(records)
        there = [Record(self._start(each.start), each.outcome) for each in records]
        self._same_verdicts(said, await self.postgres.executions.record(there))

    async def start_and_end_at_once(self, starts: Sequence[Start], ends: Sequence[End]) -> None:
        """Each by itself, and all in flight together; the memory then follows in PostgreSQL's order."""
        executions = self.postgres.executions
        begun, ended = await asyncio.gather(
            asyncio.gather(*(executions.start([self._start(each)]) for each in starts)),
            asyncio.gather(*(executions.end([self._end(each)]) for each in ends)),
        )
        for start, answer in sorted(zip(starts, begun, strict=True), key=lambda pair: _turn(pair[1][0])):
            self._same_verdicts(await self.memory.executions.start([start]), answer)
        for end, verdicts in zip(ends, ended, strict=True):
            self._same_verdicts(await self.memory.executions.end([end]), verdicts)

    def told(self, value: Any) -> Any:
        """What PostgreSQL said, with the ids of the memory."""
        runs, pipelines, types = (
            {there: here for here, there in each.items()}
            for each in (self.runs, self.pipelines, self.pipeline_types)
        )

        def translated(value: Any) -> Any:
            if isinstance(value, list | tuple):
                return [translated(each) for each in value]
            fields: dict[str, Any] = {}
            match value:
                case Slice():
                    fields = {"items": translated(value.items)}
                case Execution():
                    fields = {"id": runs[value.id], "pipeline_id": pipelines[value.pipeline_id]}
                    fields["parent_id"] = None if value.parent_id is None else runs[value.parent_id]
                case Pipeline():
                    fields = {"id": pipelines[value.id], "pipeline_type_id": types[value.pipeline_type_id]}
                case PipelineType():
                    fields = {"id": types[value.id]}
                case Started() | Ended() | ExecutionAlreadyEnded():
                    fields = {"id": runs[value.id]}
                case PipelineNotFound(reference=int(identity)):
                    fields = {"reference": pipelines[identity]}
                case PipelineTypeNotFound(reference=int(identity)):
                    fields = {"reference": types[identity]}
            return replace(value, **fields) if fields else value

        return translated(value)

    def _same_declared(self, said: list[PipelineDeclared], there: list[PipelineDeclared]) -> None:
        for one, other in zip(said, there, strict=True):
            assert one == replace(other, id=one.id)
            assert self.pipelines.setdefault(one.id, other.id) == other.id

    def _same_verdicts(self, said: Sequence[Verdict], there: Sequence[Verdict]) -> None:
        for one, other in zip(said, there, strict=True):
            if isinstance(one, Started) and isinstance(other, Started) and not other.repeated:
                assert self.runs.setdefault(one.id, other.id) == other.id
        assert list(said) == self.told(list(there))

    def _start(self, start: Start) -> Start:
        return replace(
            start,
            pipeline_id=self.pipelines[start.pipeline_id],
            parent_id=self._there(self.runs, start.parent_id),
        )

    def _end(self, end: End) -> End:
        return replace(end, id=self.runs[end.id])

    @staticmethod
    def _there(identities: dict[int, int], identity: int | None) -> int | None:
        return None if identity is None else identities[identity]


async def verdict(work: Coroutine[Any, Any, T]) -> T | WatcherError:
    try:
        return await work
    except WatcherError as refusal:
        return refusal


def _turn(verdict: Verdict) -> tuple[bool, int]:
    """Who began a run goes first, by its id: the others only found it there."""
    began = isinstance(verdict, Started) and not verdict.repeated
    return not began, verdict.id if isinstance(verdict, Started) else 0


def _by_name(
    here: Sequence[Pipeline] | Sequence[PipelineType], there: Sequence[Pipeline] | Sequence[PipelineType]
) -> dict[int, int]:
    names = {row.name: row.id for row in there}
    return {row.id: names[row.name] for row in here}
