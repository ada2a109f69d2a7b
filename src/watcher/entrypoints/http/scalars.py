"""Single values of request bodies: what JSON may spell in more ways than pydantic takes, or in fewer."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core.core_schema import (
    CoreSchema,
    chain_schema,
    date_schema,
    datetime_schema,
    float_schema,
    int_schema,
    str_schema,
    union_schema,
)

DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DATE_TIME = "^\\d{4}-\\d{2}-\\d{2}[Tt ]\\d{2}:\\d{2}"


@dataclass(frozen=True, slots=True)
class Integer:
    """A number without a fraction, which JSON may spell `5.0`; no string, no boolean."""

    minimum: int
    maximum: int

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        whole = chain_schema([float_schema(strict=True), int_schema(strict=False)])
        either = union_schema(
            [int_schema(strict=True), whole], mode="left_to_right", custom_error_type="int_type"
        )
        return chain_schema([either, int_schema(ge=self.minimum, le=self.maximum)])

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Iso8601:
    """Times are text with a date and a time of day; pydantic alone reads `"20200101"` as seconds of 1970."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return chain_schema([str_schema(pattern=DATE_TIME), datetime_schema(strict=False)])

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class IsoDay:
    """Days are text; pydantic alone reads `"20200101"` as seconds of 1970."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return chain_schema([str_schema(pattern=DATE), date_schema(strict=False)])

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "date"}
