"""Pipeline types: what pipelines of one kind share, first of all their thresholds."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypedDict

from watcher.domain.clock import Clock
from watcher.domain.document import canonical, digest
from watcher.domain.errors import Conflict, NotFound
from watcher.domain.page import Page, Slice
from watcher.domain.span import Datepart, checked_span
from watcher.domain.text import TYPE_NAME_LIMIT, Reference, checked_name, name_key


@dataclass(unsafe_hash=True)
class PipelineTypeNotFound(NotFound):
    reference: Reference

    def __str__(self) -> str:
        return f"There is no pipeline type {self.reference!r}."


@dataclass(unsafe_hash=True)
class PipelineTypeNameTaken(Conflict):
    name: str

    def __str__(self) -> str:
        return f"Another pipeline type is already named {self.name!r}."


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineTypeDeclaration:
    """What a client says a pipeline type is. Raises `InvalidValue` when it cannot be."""

    name: str
    freshness_number: int | None = None
    freshness_datepart: Datepart | None = None
    mute_freshness_check: bool = False
    timeliness_number: int | None = None
    timeliness_datepart: Datepart | None = None
    mute_timeliness_check: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("name", self.name, TYPE_NAME_LIMIT))
        checked_span("freshness", self.freshness_number, self.freshness_datepart)
        checked_span("timeliness", self.timeliness_number, self.timeliness_datepart)

    def digest(self) -> bytes:
        """Tells one declared content from another; the name takes no part in it."""
        content = {
            "freshness": [self.freshness_number, self.freshness_datepart],
            "mute_freshness_check": self.mute_freshness_check,
            "timeliness": [self.timeliness_number, self.timeliness_datepart],
            "mute_timeliness_check": self.mute_timeliness_check,
        }
        return digest(canonical("declaration", content))


class PipelineTypeChanges(TypedDict, total=False):
    """The fields a change names, and only those."""

    name: str
    freshness_number: int | None
    freshness_datepart: Datepart | None
    mute_freshness_check: bool
    timeliness_number: int | None
    timeliness_datepart: Datepart | None
    mute_timeliness_check: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineType:
    id: int
    name: str
    freshness_number: int | None = None
    freshness_datepart: Datepart | None = None
    mute_freshness_check: bool = False
    timeliness_number: int | None = None
    timeliness_datepart: Datepart | None = None
    mute_timeliness_check: bool = False
    created_at: datetime
    updated_at: datetime | None = None

    def changed(self, changes: PipelineTypeChanges, now: datetime) -> "PipelineType":
        """The type after the change; itself when the change changes nothing. Raises `InvalidValue`."""
        if "name" in changes:
            changes = {**changes, "name": checked_name("name", changes["name"], TYPE_NAME_LIMIT)}
        changed = replace(self, **changes)
        checked_span("freshness", changed.freshness_number, changed.freshness_datepart)
        checked_span("timeliness", changed.timeliness_number, changed.timeliness_datepart)
        return self if changed == self else replace(changed, updated_at=now)

    def declared(self, declaration: PipelineTypeDeclaration, now: datetime) -> "PipelineType":
        """The type as declared anew: all it declares, under the name first given."""
        return replace(
            self,
            freshness_number=declaration.freshness_number,
            freshness_datepart=declaration.freshness_datepart,
            mute_freshness_check=declaration.mute_freshness_check,
            timeliness_number=declaration.timeliness_number,
            timeliness_datepart=declaration.timeliness_datepart,
            mute_timeliness_check=declaration.mute_timeliness_check,
            updated_at=now,
        )

    def key(self) -> bytes:
        return name_key(self.name)


@dataclass(frozen=True, slots=True)
class PipelineTypeDeclared:
    """The answer to a declaration."""

    id: int
    created: bool


class PipelineTypes(Protocol):
    """The pipeline types on record. Every method is one transaction."""

    async def declare(self, declaration: PipelineTypeDeclaration, now: datetime) -> PipelineTypeDeclared:
        """Gets or creates a type by name, once under any concurrency.

        A type whose last declaration had the same content is left untouched; any other takes the
        declared content, and `now` as its `updated_at`.
        """
        ...

    async def change(self, reference: Reference, changes: PipelineTypeChanges, now: datetime) -> PipelineType:
        """Applies `PipelineType.changed`. Raises `PipelineTypeNotFound`, `PipelineTypeNameTaken`, `InvalidValue`."""
        ...

    async def get(self, identity: int) -> PipelineType:
        """Raises `PipelineTypeNotFound`."""
        ...

    async def page(self, page: Page) -> Slice[PipelineType]:
        """By ascending id."""
        ...


@dataclass(frozen=True, slots=True)
class DeclarePipelineType:
    """Gets or creates one pipeline type by name."""

    pipeline_types: PipelineTypes
    clock: Clock

    async def __call__(self, declaration: PipelineTypeDeclaration) -> PipelineTypeDeclared:
        return await self.pipeline_types.declare(declaration, self.clock.now())


@dataclass(frozen=True, slots=True)
class ChangePipelineType:
    """Changes the named fields of one pipeline type."""

    pipeline_types: PipelineTypes
    clock: Clock

    async def __call__(self, reference: Reference, changes: PipelineTypeChanges) -> PipelineType:
        return await self.pipeline_types.change(reference, changes, self.clock.now())
