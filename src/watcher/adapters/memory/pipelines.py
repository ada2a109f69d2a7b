"""The pipelines and their types, in dictionaries."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from watcher.adapters.memory.register import Register
from watcher.adapters.memory.watching import Watching
from watcher.domain.execution import Execution, advanced
from watcher.domain.page import Page, Slice
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
)
from watcher.domain.text import Reference, name_key


class MemoryPipelineTypes:
    """`PipelineTypes` in dictionaries."""

    def __init__(self) -> None:
        self._types: Register[PipelineType] = Register(PipelineTypeNotFound, PipelineTypeNameTaken)

    async def declare(self, declaration: PipelineTypeDeclaration, now: datetime) -> PipelineTypeDeclared:
        held, created = self.ensured(declaration.name, now)
        digest = declaration.digest()
        if self._types.declarations.get(held.id) != digest:
            self._types.declarations[held.id] = digest
            row = held.declared(declaration, now)
            self._types.put(replace(row, updated_at=None) if created else row)
        return PipelineTypeDeclared(held.id, created)

    def ensured(self, name: str, now: datetime) -> tuple[PipelineType, bool]:
        """The type of that name, and whether it had to be created."""
        held = self._types.found(name)
        if held is not None:
            return held, False
        created = PipelineType(id=self._types.new_id(), name=name, created_at=now)
        self._types.put(created)
        return created, True

    async def change(self, reference: Reference, changes: PipelineTypeChanges, now: datetime) -> PipelineType:
        changed = self._types.known(reference).changed(changes, now)
        self._types.check_name(changed)
        self._types.put(changed)
        return changed

    def known(self, identity: int) -> PipelineType:
        """Raises `PipelineTypeNotFound`."""
        return self._types.known(identity)

    async def get(self, identity: int) -> PipelineType:
        return self.known(identity)

    async def page(self, page: Page) -> Slice[PipelineType]:
        return self._types.page(page)


class MemoryPipelines:
    """`Pipelines` in dictionaries."""

    def __init__(self, pipeline_types: MemoryPipelineTypes, watching: Watching) -> None:
        self._pipeline_types, self._watching = pipeline_types, watching
        self._pipelines: Register[Pipeline] = Register(PipelineNotFound, PipelineNameTaken)
        self._markers: dict[int, datetime | None] = {}

    async def declare(
        self, declarations: Sequence[PipelineDeclaration], now: datetime
    ) -> list[PipelineDeclared]:
        return [self._declare(declaration, now) for declaration in declarations]

    def _declare(self, declaration: PipelineDeclaration, now: datetime) -> PipelineDeclared:
        held, digest = self._pipelines.found(declaration.name), declaration.digest()
        created = held is None
        if held is None or self._pipelines.declarations[held.id] != digest:
            row = self._declared(held, declaration, now)
            self._pipelines.declarations[row.id] = digest
        else:
            row = held
        if declaration.next_watermark is not None:
            row = replace(row, next_watermark=declaration.next_watermark)
        self._pipelines.put(row)
        return PipelineDeclared(row.id, row.active, row.load_lineage, row.watermark, created)

    def _declared(self, held: Pipeline | None, declaration: PipelineDeclaration, now: datetime) -> Pipeline:
        type_id = self._pipeline_types.ensured(declaration.pipeline_type_name, now)[0].id
        if held is not None:
            return held.declared(declaration, type_id, now)
        identity = self._pipelines.new_id()
        self._watching.created(identity, now)
        fresh = Pipeline(id=identity, name=declaration.name, pipeline_type_id=type_id, created_at=now)
        return replace(fresh.declared(declaration, type_id, now), updated_at=None)

    async def change(self, reference: Reference, changes: PipelineChanges, now: datetime) -> Pipeline:
        changed = self._pipelines.known(reference).changed(changes, now)
        self._pipelines.check_name(changed)
        self._pipeline_types.known(changed.pipeline_type_id)
        self._pipelines.put(changed)
        return changed

    def advance(self, execution: Execution) -> None:
        """What the success of `execution` does to its pipeline."""
        row, marker = advanced(
            self.known(execution.pipeline_id), self._markers.get(execution.pipeline_id), execution
        )
        self._pipelines.put(row)
        self._markers[row.id] = marker

    def __contains__(self, identity: int) -> bool:
        return self._pipelines.found(identity) is not None

    def all(self) -> Iterable[Pipeline]:
        """Every pipeline, by ascending id."""
        return [row for _, row in sorted(self._pipelines.rows.items())]

    def type_of(self, pipeline: Pipeline) -> PipelineType:
        return self._pipeline_types.known(pipeline.pipeline_type_id)

    def known(self, identity: int) -> Pipeline:
        """Raises `PipelineNotFound`."""
        return self._pipelines.known(identity)

    async def get(self, identity: int) -> Pipeline:
        return self.known(identity)

    async def page(self, page: Page, name: str | None = None) -> Slice[Pipeline]:
        key = None if name is None else name_key(name)
        return self._pipelines.page(page, lambda row: key in (None, row.key()))
