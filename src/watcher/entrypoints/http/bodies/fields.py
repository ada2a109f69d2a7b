"""What the fields of bodies have in common, and bodies themselves."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from watcher.domain.text import (
    ADDRESS_NAME_LIMIT,
    PIPELINE_NAME_LIMIT,
    TYPE_NAME_LIMIT,
    WATERMARK_LIMIT,
    Reference,
)
from watcher.entrypoints.http.scalars import Integer, Iso8601

BIGINT = 2**63 - 1
NO_NUL = "^[^\\x00]*$"
NOT_BLANK = "^[^\\x00]*[^\\s\\x00-\\x1f\\x85\\ufeff][^\\x00]*$"  # what is white space to some is it to all


def _name(limit: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=limit, pattern=NOT_BLANK)


TypeName: TypeAlias = Annotated[str, _name(TYPE_NAME_LIMIT)]
PipelineName: TypeAlias = Annotated[str, _name(PIPELINE_NAME_LIMIT)]
AddressName: TypeAlias = Annotated[str, _name(ADDRESS_NAME_LIMIT)]
Identity: TypeAlias = Annotated[int, Integer(-BIGINT - 1, BIGINT)]
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


def identified_by(*ids: str) -> ConfigDict:
    """The JSON Schema of a body that says which row it means, by one of these ids or by name."""
    by_id: list[JsonValue] = [{"required": [each], "properties": {each: {"type": "integer"}}} for each in ids]
    return ConfigDict(json_schema_extra={"anyOf": [*by_id, {"required": ["name"]}]})


class Patch(Body):
    """Changes only the fields that it names."""

    model_config = identified_by("id")

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
