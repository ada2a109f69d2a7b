"""Bodies about pipelines and their types."""

from typing import Annotated, TypeAlias, cast

from pydantic import ConfigDict, Field, JsonValue, model_validator

from watcher.domain.pipeline import PipelineChanges, PipelineDeclaration
from watcher.domain.pipeline_type import PipelineTypeChanges, PipelineTypeDeclaration
from watcher.domain.span import NUMBER_LIMIT, Datepart
from watcher.domain.text import Reference
from watcher.entrypoints.http.bodies.fields import (
    Body,
    Document,
    Identity,
    Instant,
    Patch,
    PipelineName,
    TypeName,
    Watermark,
    identified_by,
)
from watcher.entrypoints.http.scalars import Integer

SpanNumber: TypeAlias = Annotated[int, Integer(1, NUMBER_LIMIT)]


class Spans(Body):
    """The thresholds that pipelines and their types have in common; number and datepart come together."""

    freshness_number: SpanNumber | None = None
    freshness_datepart: Datepart | None = None
    timeliness_number: SpanNumber | None = None
    timeliness_datepart: Datepart | None = None


def _whole(rule: str) -> dict[str, JsonValue]:
    """The JSON Schema of a rule's number and datepart in a declaration; a change may name only one."""
    number, datepart = f"{rule}_number", f"{rule}_datepart"
    both: JsonValue = {number: {"type": "integer"}, datepart: {"type": "string"}}
    neither: JsonValue = {number: {"type": "null"}, datepart: {"type": "null"}}
    return {"anyOf": [{"required": [number, datepart], "properties": both}, {"properties": neither}]}


WHOLE_SPANS = ConfigDict(json_schema_extra={"allOf": [_whole("freshness"), _whole("timeliness")]})


class PipelineTypeBody(Spans):
    model_config = WHOLE_SPANS

    name: TypeName
    mute_freshness_check: bool = False
    mute_timeliness_check: bool = False

    def declaration(self) -> PipelineTypeDeclaration:
        return PipelineTypeDeclaration(**dict(self))


class PipelineBody(Spans):
    model_config = WHOLE_SPANS

    name: PipelineName
    pipeline_type_name: TypeName
    next_watermark: Watermark | None = None
    pipeline_metadata: Document | None = None

    def declaration(self) -> PipelineDeclaration:
        return PipelineDeclaration(**dict(self))


class PipelineTypePatch(Patch, Spans):
    name: TypeName = Field(default_factory=str)
    mute_freshness_check: bool = Field(default_factory=bool)
    mute_timeliness_check: bool = Field(default_factory=bool)

    def change(self) -> tuple[Reference, PipelineTypeChanges]:
        reference, changes = self._reference_and_changes()
        return reference, cast("PipelineTypeChanges", changes)


class PipelinePatch(Patch, Spans):
    model_config = identified_by("id", "pipeline_id")

    pipeline_id: Identity | None = Field(default=None, description="The same as `id`.")
    name: PipelineName = Field(default_factory=str)
    pipeline_type_id: Identity = Field(default_factory=int)
    watermark: Watermark | None = None
    next_watermark: Watermark | None = None
    pipeline_metadata: Document | None = None
    last_target_insert: Instant | None = None
    last_target_update: Instant | None = None
    last_target_soft_delete: Instant | None = None
    mute_freshness_check: bool = Field(default_factory=bool)
    mute_timeliness_check: bool = Field(default_factory=bool)
    load_lineage: bool = Field(default_factory=bool)
    active: bool = Field(default_factory=bool)

    @model_validator(mode="before")
    @classmethod
    def _under_one_name(cls, body: object) -> object:
        return _merged(body, "id", "pipeline_id")

    def change(self) -> tuple[Reference, PipelineChanges]:
        reference, changes = self._reference_and_changes()
        return reference, cast("PipelineChanges", changes)


def _merged(body: object, name: str, alias: str) -> object:
    if not isinstance(body, dict) or body.get(alias) is None:
        return body
    if body.get(name) not in (None, body[alias]):
        raise ValueError(f"'{name}' and '{alias}' differ")
    return {**body, name: body[alias]}
