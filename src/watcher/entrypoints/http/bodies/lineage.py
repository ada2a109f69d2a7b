"""Bodies about lineage."""

from typing import Annotated

from pydantic import Field

from watcher.domain.lineage import ADDRESSES_LIMIT, LineageDeclaration
from watcher.entrypoints.http.bodies.addresses import AddressBody
from watcher.entrypoints.http.bodies.fields import Body, Identity


class LineageBody(Body):
    """At most 20,000 addresses and 100,000 edges: every source feeds every target. Not both lists are empty."""

    pipeline_id: Identity
    source_addresses: Annotated[list[AddressBody], Field(max_length=ADDRESSES_LIMIT)] | None = None
    target_addresses: Annotated[list[AddressBody], Field(max_length=ADDRESSES_LIMIT)] | None = None

    def declaration(self) -> LineageDeclaration:
        return LineageDeclaration(
            pipeline_id=self.pipeline_id,
            sources=[address.declaration() for address in self.source_addresses or ()],
            targets=[address.declaration() for address in self.target_addresses or ()],
        )
