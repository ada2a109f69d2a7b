"""Bodies about lineage."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from watcher.domain.address import AddressDeclaration
from watcher.domain.errors import InvalidValue
from watcher.domain.lineage import ADDRESSES_LIMIT, LineageDeclaration
from watcher.entrypoints.http.bodies.addresses import AddressBody
from watcher.entrypoints.http.bodies.fields import Body, Identity


def not_all_empty(*lists: str) -> ConfigDict:
    """The JSON Schema of a body that has something in at least one of these lists."""
    filled: list[JsonValue] = [
        {"required": [each], "properties": {each: {"type": "array", "minItems": 1}}} for each in lists
    ]
    return ConfigDict(json_schema_extra={"anyOf": filled})


class LineageBody(Body):
    """At most 20,000 addresses and 100,000 edges: every source feeds every target. Not both lists are empty."""

    model_config = not_all_empty("source_addresses", "target_addresses")

    pipeline_id: Identity
    source_addresses: Annotated[list[AddressBody], Field(max_length=ADDRESSES_LIMIT)] | None = None
    target_addresses: Annotated[list[AddressBody], Field(max_length=ADDRESSES_LIMIT)] | None = None

    def declaration(self) -> LineageDeclaration:
        return LineageDeclaration(
            pipeline_id=self.pipeline_id,
            sources=_declarations("source_addresses", self.source_addresses),
            targets=_declarations("target_addresses", self.target_addresses),
        )


def _declarations(field: str, addresses: list[AddressBody] | None) -> list[AddressDeclaration]:
    """Raises `InvalidValue` with the way to the field that the domain refused."""
    declarations = []
    for position, address in enumerate(addresses or ()):
        try:
            declarations.append(address.declaration())
        except InvalidValue as error:
            raise InvalidValue(f"{field}.{position}.{error.field}", error.rule) from None
    return declarations
