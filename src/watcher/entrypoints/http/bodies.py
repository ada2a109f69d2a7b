"""Request bodies: the wire's own quirks, before they become values of the domain."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from watcher.domain.errors import WatcherError
from watcher.domain.execution import Outcome, Record, Start
from watcher.domain.pipeline import PipelineChanges, PipelineDeclaration
from watcher.domain.pipeline_type import (
    PipelineTypeChanges,
    PipelineTypeDeclaration,
)
from watcher.domain.span import NUMBER_LIMIT, Datepart
from watcher.domain.text import (
    EXTERNAL_ID_LIMIT,
    PIPELINE_NAME_LIMIT,
    TYPE_NAME_LIMIT,
    WATERMARK_LIMIT,
    Reference,
)
from watcher.entrypoints.http.scalars import Integer, Iso8601

BIGINT = 2**63 - 1
BULK_LIMIT = 10_000
NO_NUL = "^[^\\x00]*$"
NOT_BLANK = "^[^\\x00]*[^\\s\\x00-\\x1f][^\\x00]*$"


def _name(limit: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=limit, pattern=NOT_BLANK)


TypeName: TypeAlias = Annotated[str, _name(TYPE_NAME_LIMIT)]
PipelineName: TypeAlias = Annotated[str, _name(PIPELINE_NAME_LIMIT)]
Identity: TypeAlias = Annotated[int, Integer(-BIGINT - 1, BIGINT)]
Count: TypeAlias = Annotated[int, Integer(0, BIGINT), Field(description="Rows; null when not counted.")]
SpanNumber: TypeAlias = Annotated[int, Integer(1, NUMBER_LIMIT)]
ExternalId: TypeAlias = Annotated[str, StringConstraints(max_length=EXTERNAL_ID_LIMIT, pattern=NO_NUL)]
Document: TypeAlias = dict[Annotated[str, StringConstraints(pattern=NO_NUL)], JsonValue]


def _digits(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if type(value) is int else value


WATERMARK_TEXT = StringConstraints(max_length=WATERMARK_LIMIT, pattern=NO_NUL)
Watermark: TypeAlias = Annotated[
    str,
    WATERMARK_TEXT,
    BeforeValidator(_digits, json_schema_input_type=Annotated[str, WATERMARK_TEXT] | int),
    Field(
        description="Opaque text of up to 1,000 characters, kept as given; a number is kept as its digits."
    ),
]


Instant: TypeAlias = Annotated[
    datetime, Iso8601(), Field(description="ISO 8601; read as UTC when it has no offset.")
]


class Body(BaseModel):
    """Strict: no coercion of types, and no field that Watcher does not know."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


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


class Patch(Spans):
    """Changes only the fields that it names."""

    id: Identity | None = None

    @model_validator(mode="after")
    def _identified(self) -> "Patch":
        if self.id is None and "name" not in self.model_fields_set:
            raise PydanticCustomError("identity_missing", "Either 'id' or 'name' must be provided")
        return self

    def _reference_and_changes(self) -> tuple[Reference, dict[str, Any]]:
        """By id, a name is a change; without an id it says which row is meant."""
        changes = {field: getattr(self, field) for field in self.model_fields_set - {"id", "pipeline_id"}}
        if self.id is not None:
            return self.id, changes
        return changes.pop("name"), changes


class PipelineTypePatch(Patch):
    name: TypeName = Field(default_factory=str)
    mute_freshness_check: bool = Field(default_factory=bool)
    mute_timeliness_check: bool = Field(default_factory=bool)

    def change(self) -> tuple[Reference, PipelineTypeChanges]:
        reference, changes = self._reference_and_changes()
        return reference, cast("PipelineTypeChanges", changes)


class PipelinePatch(Patch):
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


class StartBody(Body):
    pipeline_id: Identity
    start_date: Instant | None = None
    watermark: Watermark | None = None
    next_watermark: Watermark | None = None
    parent_id: Identity | None = None
    parent_execution_id: Identity | None = Field(default=None, description="The same as `parent_id`.")
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _one_parent(self) -> "StartBody":
        if self.parent_execution_id is not None and self.parent_id not in (None, self.parent_execution_id):
            raise ValueError("'parent_id' and 'parent_execution_id' name different executions")
        return self

    @property
    def parent(self) -> int | None:
        return self.parent_id if self.parent_execution_id is None else self.parent_execution_id


class OutcomeBody(Body):
    end_date: Instant
    completed_successfully: bool
    inserts: Count | None = None
    updates: Count | None = None
    soft_deletes: Count | None = None
    total_rows: Count | None = None
    execution_metadata: Document | None = None

    def outcome(self) -> Outcome:
        return Outcome(
            end_date=self.end_date,
            completed_successfully=self.completed_successfully,
            inserts=self.inserts,
            updates=self.updates,
            soft_deletes=self.soft_deletes,
            total_rows=self.total_rows,
            execution_metadata=self.execution_metadata,
        )


class EndBody(OutcomeBody):
    id: Identity


class RecordBody(OutcomeBody):
    pipeline_id: Identity
    start_date: Instant
    watermark: Watermark | None = None
    next_watermark: Watermark | None = None
    external_id: ExternalId | None = None

    def record(self) -> Record:
        start = Start(
            pipeline_id=self.pipeline_id,
            start_date=self.start_date,
            watermark=self.watermark,
            next_watermark=self.next_watermark,
            external_id=self.external_id,
        )
        return Record(start, self.outcome())


def _judged(value: object, handler: ValidatorFunctionWrapHandler) -> Record | ValidationError | WatcherError:
    """One bad record must not fail its neighbours: its error takes its place.

    A good one becomes the domain's at once, which is a third of the size: there may be 10,000 of them.
    """
    try:
        body: RecordBody = handler(value)
        return body.record()
    except (ValidationError, WatcherError) as error:
        return error


class BulkBody(Body):
    executions: Annotated[
        list[Annotated[RecordBody, WrapValidator(_judged)]],
        Field(max_length=BULK_LIMIT, description="Finished executions; each is judged by itself."),
    ]

    def records(self) -> Sequence[Record | ValidationError | WatcherError]:
        """What became of each, in order."""
        return cast("Sequence[Record | ValidationError | WatcherError]", self.executions)


def _merged(body: object, name: str, alias: str) -> object:
    if not isinstance(body, dict) or body.get(alias) is None:
        return body
    if body.get(name) not in (None, body[alias]):
        raise ValueError(f"'{name}' and '{alias}' differ")
    return {**body, name: body[alias]}
