"""Pipelines: what runs, how far it has come (its watermark), and when it last changed its target."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypedDict

from watcher.domain.clock import Clock, in_utc
from watcher.domain.document import Document, canonical, checked_document, digest, same_document
from watcher.domain.errors import Conflict, NotFound
from watcher.domain.page import Page, Slice
from watcher.domain.span import Datepart, checked_span
from watcher.domain.text import (
    PIPELINE_NAME_LIMIT,
    TYPE_NAME_LIMIT,
    WATERMARK_LIMIT,
    Reference,
    checked_name,
    checked_text,
    name_key,
)


@dataclass(unsafe_hash=True)
class PipelineNotFound(NotFound):
    reference: Reference

    def __str__(self) -> str:
        return f"There is no pipeline {self.reference!r}."


@dataclass(unsafe_hash=True)
class PipelineNameTaken(Conflict):
    name: str

    def __str__(self) -> str:
        return f"Another pipeline is already named {self.name!r}."


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDeclaration:
    """What a client says a pipeline is. Raises `InvalidValue` when it cannot be."""

    name: str
    pipeline_type_name: str
    next_watermark: str | None = None
    pipeline_metadata: Document | None = None
    freshness_number: int | None = None
    freshness_datepart: Datepart | None = None
    timeliness_number: int | None = None
    timeliness_datepart: Datepart | None = None

    def __post_init__(self) -> None:
        type_name = checked_name("pipeline_type_name", self.pipeline_type_name, TYPE_NAME_LIMIT)
        object.__setattr__(self, "name", checked_name("name", self.name, PIPELINE_NAME_LIMIT))
        object.__setattr__(self, "pipeline_type_name", type_name)
        checked_watermark("next_watermark", self.next_watermark)
        checked_document("pipeline_metadata", self.pipeline_metadata)
        checked_span("freshness", self.freshness_number, self.freshness_datepart)
        checked_span("timeliness", self.timeliness_number, self.timeliness_datepart)

    def digest(self) -> bytes:
        """Tells one declared content from another; name and next watermark take no part in it."""
        content = {
            "pipeline_type": name_key(self.pipeline_type_name).hex(),
            "pipeline_metadata": self.pipeline_metadata,
            "freshness": [self.freshness_number, self.freshness_datepart],
            "timeliness": [self.timeliness_number, self.timeliness_datepart],
        }
        return digest(canonical("pipeline_metadata", content))


class PipelineChanges(TypedDict, total=False):
    """The fields a change names, and only those."""

    name: str
    pipeline_type_id: int
    watermark: str | None
    next_watermark: str | None
    pipeline_metadata: Document | None
    last_target_insert: datetime | None
    last_target_update: datetime | None
    last_target_soft_delete: datetime | None
    freshness_number: int | None
    freshness_datepart: Datepart | None
    mute_freshness_check: bool
    timeliness_number: int | None
    timeliness_datepart: Datepart | None
    mute_timeliness_check: bool
    load_lineage: bool
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    id: int
    name: str
    pipeline_type_id: int
    watermark: str | None = None
    next_watermark: str | None = None
    pipeline_metadata: Document | None = None
    last_target_insert: datetime | None = None
    last_target_update: datetime | None = None
    last_target_soft_delete: datetime | None = None
    freshness_number: int | None = None
    freshness_datepart: Datepart | None = None
    mute_freshness_check: bool = False
    timeliness_number: int | None = None
    timeliness_datepart: Datepart | None = None
    mute_timeliness_check: bool = False
    load_lineage: bool = True
    active: bool = True
    created_at: datetime
    updated_at: datetime | None = None

    def changed(self, changes: PipelineChanges, now: datetime) -> "Pipeline":
        """The pipeline after the change; itself when the change changes nothing. Raises `InvalidValue`."""
        changed = replace(self, **_checked(changes))
        checked_span("freshness", changed.freshness_number, changed.freshness_datepart)
        checked_span("timeliness", changed.timeliness_number, changed.timeliness_datepart)
        same = same_document(changed.pipeline_metadata, self.pipeline_metadata)  # to Python, True == 1
        if same:
            changed = replace(changed, pipeline_metadata=self.pipeline_metadata)
        return self if same and changed == self else replace(changed, updated_at=now)

    def declared(self, declaration: PipelineDeclaration, pipeline_type_id: int, now: datetime) -> "Pipeline":
        """The pipeline as declared anew: all it declares, under the name first given."""
        return replace(
            self,
            pipeline_type_id=pipeline_type_id,
            pipeline_metadata=declaration.pipeline_metadata,
            freshness_number=declaration.freshness_number,
            freshness_datepart=declaration.freshness_datepart,
            timeliness_number=declaration.timeliness_number,
            timeliness_datepart=declaration.timeliness_datepart,
            updated_at=now,
        )

    def key(self) -> bytes:
        return name_key(self.name)


def checked_watermark(field: str, watermark: str | None) -> None:
    """A watermark is opaque text of at most 1,000 characters; raises `InvalidValue` beyond."""
    if watermark is not None:
        checked_text(field, watermark, WATERMARK_LIMIT)


def _checked(changes: PipelineChanges) -> PipelineChanges:
    checked = changes.copy()
    if "name" in checked:
        checked["name"] = checked_name("name", checked["name"], PIPELINE_NAME_LIMIT)
    checked_watermark("watermark", checked.get("watermark"))
    checked_watermark("next_watermark", checked.get("next_watermark"))
    checked_document("pipeline_metadata", checked.get("pipeline_metadata"))
    if (inserted := checked.get("last_target_insert")) is not None:
        checked["last_target_insert"] = in_utc("last_target_insert", inserted)
    if (updated := checked.get("last_target_update")) is not None:
        checked["last_target_update"] = in_utc("last_target_update", updated)
    if (deleted := checked.get("last_target_soft_delete")) is not None:
        checked["last_target_soft_delete"] = in_utc("last_target_soft_delete", deleted)
    return checked


@dataclass(frozen=True, slots=True)
class PipelineDeclared:
    """The answer to a declaration. `watermark` is how far the pipeline has come."""

    id: int
    active: bool
    load_lineage: bool
    watermark: str | None
    created: bool


class Pipelines(Protocol):
    """The pipelines on record. Every method is one transaction, `declare` one for each declaration."""

    async def declare(
        self, declarations: Sequence[PipelineDeclaration], now: datetime
    ) -> list[PipelineDeclared]:
        """Gets or creates each pipeline by name, and its type where that is missing.

        One row for a name under any concurrency, and one answer that says `created`. A pipeline whose
        last declaration had the same content is left untouched, but for a `next_watermark` that is new;
        any other takes the declared content, and `now` as its `updated_at`. Declarations of one list
        count as simultaneous.
        """
        ...

    async def change(self, reference: Reference, changes: PipelineChanges, now: datetime) -> Pipeline:
        """Applies `Pipeline.changed`.

        Raises `PipelineNotFound`, `PipelineNameTaken`, `PipelineTypeNotFound`, `InvalidValue`.
        """
        ...

    async def get(self, identity: int) -> Pipeline:
        """Raises `PipelineNotFound`."""
        ...

    async def page(self, page: Page, name: str | None = None) -> Slice[Pipeline]:
        """By ascending id; with a `name`, the one pipeline of that name in any spelling, or none."""
        ...


@dataclass(frozen=True, slots=True)
class DeclarePipeline:
    """Gets or creates one pipeline by name."""

    pipelines: Pipelines
    clock: Clock

    async def __call__(self, declaration: PipelineDeclaration) -> PipelineDeclared:
        """The current watermark is answered only to who declares the next one."""
        (declared,) = await self.pipelines.declare([declaration], self.clock.now())
        return declared if declaration.next_watermark is not None else replace(declared, watermark=None)


@dataclass(frozen=True, slots=True)
class ChangePipeline:
    """Changes the named fields of one pipeline."""

    pipelines: Pipelines
    clock: Clock

    async def __call__(self, reference: Reference, changes: PipelineChanges) -> Pipeline:
        return await self.pipelines.change(reference, changes, self.clock.now())
