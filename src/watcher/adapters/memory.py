"""The whole record in dictionaries: for tests, demonstrations and embedding. Nothing outlives the process.

Every port method runs without awaiting, so that each is a transaction by itself on one event loop.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from watcher.domain.errors import WatcherError
from watcher.domain.execution import (
    End,
    Execution,
    ExecutionNotFound,
    ParentExecutionNotFound,
    Record,
    Start,
    advanced,
)
from watcher.domain.executions import Ended, ExecutionFilter, Started
from watcher.domain.page import CursorUnknown, Page, Slice
from watcher.domain.pipeline import (
    Pipeline,
    PipelineChanges,
    PipelineDeclaration,
    PipelineDeclared,
    PipelineNameTaken,
    PipelineNotFound,
)
from watcher.domain.pipeline_type import (
    PipelineType,
    PipelineTypeChanges,
    PipelineTypeDeclaration,
    PipelineTypeDeclared,
    PipelineTypeNameTaken,
    PipelineTypeNotFound,
    Reference,
)
from watcher.domain.text import name_key


class MemoryPipelineTypes:
    """`PipelineTypes` in dictionaries."""

    def __init__(self) -> None:
        self.rows: dict[int, PipelineType] = {}
        self.declarations: dict[int, bytes] = {}
        self.by_key: dict[bytes, int] = {}
        self._ids = count(1)

    async def declare(self, declaration: PipelineTypeDeclaration, now: datetime) -> PipelineTypeDeclared:
        identity, created = self.ensured(declaration.name, now)
        digest = declaration.digest()
        if self.declarations.get(identity) != digest:
            self.declarations[identity] = digest
            row = self.rows[identity].declared(declaration, now)
            self.rows[identity] = replace(row, updated_at=None) if created else row
        return PipelineTypeDeclared(identity, created)

    def ensured(self, name: str, now: datetime) -> tuple[int, bool]:
        """The id of the type of that name, and whether it had to be created."""
        key = name_key(name)
        if key in self.by_key:
            return self.by_key[key], False
        identity = next(self._ids)
        self.by_key[key] = identity
        self.rows[identity] = PipelineType(id=identity, name=name, created_at=now)
        return identity, True

    async def change(self, reference: Reference, changes: PipelineTypeChanges, now: datetime) -> PipelineType:
        held = self.rows.get(_identity(reference, self.by_key))
        if held is None:
            raise PipelineTypeNotFound(reference)
        changed = held.changed(changes, now)
        if self.by_key.get(changed.key(), held.id) != held.id:
            raise PipelineTypeNameTaken(changed.name)
        del self.by_key[held.key()]
        self.by_key[changed.key()] = held.id
        self.rows[held.id] = changed
        return changed

    async def get(self, identity: int) -> PipelineType:
        if identity not in self.rows:
            raise PipelineTypeNotFound(identity)
        return self.rows[identity]

    async def page(self, page: Page) -> Slice[PipelineType]:
        rows = [row for identity, row in sorted(self.rows.items()) if identity > (page.after or 0)]
        return Slice.cut(rows, page.limit)


class MemoryPipelines:
    """`Pipelines` in dictionaries."""

    def __init__(self, pipeline_types: MemoryPipelineTypes) -> None:
        self._pipeline_types = pipeline_types
        self.rows: dict[int, Pipeline] = {}
        self._declarations: dict[int, bytes] = {}
        self._markers: dict[int, datetime | None] = {}
        self._by_key: dict[bytes, int] = {}
        self._ids = count(1)

    async def declare(
        self, declarations: Sequence[PipelineDeclaration], now: datetime
    ) -> list[PipelineDeclared]:
        return [self._declare(declaration, now) for declaration in declarations]

    def _declare(self, declaration: PipelineDeclaration, now: datetime) -> PipelineDeclared:
        key, digest = name_key(declaration.name), declaration.digest()
        created = key not in self._by_key
        if created:
            self._by_key[key] = next(self._ids)
        identity = self._by_key[key]
        if self._declarations.get(identity) != digest:
            type_id, _ = self._pipeline_types.ensured(declaration.pipeline_type_name, now)
            fresh = Pipeline(id=identity, name=declaration.name, pipeline_type_id=type_id, created_at=now)
            row = self.rows.get(identity, fresh).declared(declaration, type_id, now)
            self.rows[identity] = replace(row, updated_at=None) if created else row
            self._declarations[identity] = digest
        if declaration.next_watermark is not None:
            self.rows[identity] = replace(self.rows[identity], next_watermark=declaration.next_watermark)
        row = self.rows[identity]
        return PipelineDeclared(identity, row.active, row.load_lineage, row.watermark, created)

    async def change(self, reference: Reference, changes: PipelineChanges, now: datetime) -> Pipeline:
        held = self.rows.get(_identity(reference, self._by_key))
        if held is None:
            raise PipelineNotFound(reference)
        changed = held.changed(changes, now)
        if self._by_key.get(changed.key(), held.id) != held.id:
            raise PipelineNameTaken(changed.name)
        if changed.pipeline_type_id not in self._pipeline_types.rows:
            raise PipelineTypeNotFound(changed.pipeline_type_id)
        del self._by_key[held.key()]
        self._by_key[changed.key()] = held.id
        self.rows[held.id] = changed
        return changed

    def advance(self, execution: Execution) -> None:
        """What the success of `execution` does to its pipeline."""
        identity = execution.pipeline_id
        self.rows[identity], self._markers[identity] = advanced(
            self.rows[identity], self._markers.get(identity), execution
        )

    async def get(self, identity: int) -> Pipeline:
        if identity not in self.rows:
            raise PipelineNotFound(identity)
        return self.rows[identity]

    async def page(self, page: Page, name: str | None = None) -> Slice[Pipeline]:
        only = None if name is None else self._by_key.get(name_key(name), 0)
        rows = [
            row
            for identity, row in sorted(self.rows.items())
            if identity > (page.after or 0) and only in (None, identity)
        ]
        return Slice.cut(rows, page.limit)


class MemoryExecutions:
    """`Executions` in dictionaries."""

    def __init__(self, pipelines: MemoryPipelines) -> None:
        self._pipelines = pipelines
        self._rows: dict[int, Execution] = {}
        self._children: defaultdict[int, list[int]] = defaultdict(list)
        self._by_external_id: dict[tuple[int, str], int] = {}
        self._ids = count(1)

    async def start(self, starts: Sequence[Start]) -> list[Started | WatcherError]:
        return [self._start(start) for start in starts]

    def _start(self, start: Start) -> Started | WatcherError:
        if start.pipeline_id not in self._pipelines.rows:
            return PipelineNotFound(start.pipeline_id)
        if start.parent_id is not None and start.parent_id not in self._rows:
            return ParentExecutionNotFound(start.parent_id)
        known = self._by_external_id.get((start.pipeline_id, start.external_id or ""))
        if start.external_id is not None and known is not None:
            return Started(known, repeated=True)
        identity = next(self._ids)
        self._rows[identity] = Execution.begun(identity, start)
        if start.parent_id is not None:
            self._children[start.parent_id].append(identity)
        if start.external_id is not None:
            self._by_external_id[start.pipeline_id, start.external_id] = identity
        return Started(identity)

    async def end(self, ends: Sequence[End]) -> list[Ended | WatcherError]:
        return [self._end(end) for end in ends]

    def _end(self, end: End) -> Ended | WatcherError:
        execution = self._rows.get(end.id)
        if execution is None:
            return ExecutionNotFound(end.id)
        try:
            ended = execution.ended(end.outcome)
        except WatcherError as refusal:
            return refusal
        if ended is execution:
            return Ended(end.id, repeated=True)
        self._rows[end.id] = ended
        if ended.completed_successfully:
            self._pipelines.advance(ended)
        return Ended(end.id)

    async def record(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        turns = sorted(range(len(records)), key=lambda index: records[index].outcome.end_date)
        verdicts = {index: self._record(records[index]) for index in turns}
        for index, verdict in verdicts.items():
            if isinstance(verdict, Started) and verdict.repeated:
                ended = self._end(End(verdict.id, records[index].outcome))
                verdicts[index] = verdict if isinstance(ended, Ended) else ended
        return [verdicts[index] for index in range(len(records))]

    def _record(self, record: Record) -> Started | WatcherError:
        verdict = self._start(record.start)
        if isinstance(verdict, Started) and not verdict.repeated:
            self._end(End(verdict.id, record.outcome))
        return verdict

    async def tree(self, identity: int) -> Sequence[Execution]:
        if identity not in self._rows:
            raise ExecutionNotFound(identity)
        found, level = [], [identity]
        while level:
            found += [self._rows[each] for each in level]
            level = sorted(child for each in level for child in self._children[each])
        return found

    async def page(self, wanted: ExecutionFilter, page: Page) -> Slice[Execution]:
        if page.after is not None and page.after not in self._rows:
            raise CursorUnknown(page.after)
        end = None if page.after is None else _place(self._rows[page.after])
        rows = [row for row in self._rows.values() if wanted.admits(row)]
        rows = [row for row in sorted(rows, key=_place, reverse=True) if end is None or _place(row) < end]
        return Slice.cut(rows, page.limit)


def _place(execution: Execution) -> tuple[datetime, int]:
    return execution.start_date, execution.id


def _identity(reference: Reference, by_key: dict[bytes, int]) -> int:
    return reference if isinstance(reference, int) else by_key.get(name_key(reference), 0)


class MemoryProbes:
    """`Probes` of a store that is always there."""

    async def obstacles(self) -> Sequence[str]:
        return []
