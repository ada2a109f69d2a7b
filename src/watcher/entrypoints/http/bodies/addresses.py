"""Bodies about addresses and their types."""

from typing import Annotated, TypeAlias, cast

from pydantic import Field, StringConstraints

from watcher.domain.address import AddressChanges, AddressDeclaration
from watcher.domain.address_type import AddressTypeChanges, AddressTypeDeclaration
from watcher.domain.text import ADDRESS_NAME_LIMIT, Reference
from watcher.entrypoints.http.bodies.fields import (
    NO_NUL,
    AddressName,
    Body,
    Document,
    Identity,
    Patch,
    TypeName,
)

Part: TypeAlias = Annotated[str, StringConstraints(max_length=ADDRESS_NAME_LIMIT, pattern=NO_NUL)]


class AddressTypeBody(Body):
    name: TypeName
    group_name: TypeName

    def declaration(self) -> AddressTypeDeclaration:
        return AddressTypeDeclaration(**dict(self))


class AddressTypePatch(Patch):
    name: TypeName = Field(default_factory=str)
    group_name: TypeName = Field(default_factory=str)

    def change(self) -> tuple[Reference, AddressTypeChanges]:
        reference, changes = self._reference_and_changes()
        return reference, cast("AddressTypeChanges", changes)


class Parts(Body):
    """Where in its place an address lies, as far as it has such parts."""

    database_name: Part | None = None
    schema_name: Part | None = None
    table_name: Part | None = None
    primary_key: Part | None = None
    address_metadata: Document | None = None


class AddressBody(Parts):
    """In the group `database` a name of three parts, `database.schema.table`, fills those not given."""

    name: AddressName
    address_type_name: TypeName
    address_type_group_name: TypeName

    def declaration(self) -> AddressDeclaration:
        return AddressDeclaration(**vars(self))


class AddressPatch(Patch, Parts):
    name: AddressName = Field(default_factory=str)
    address_type_id: Identity = Field(default_factory=int)

    def change(self) -> tuple[Reference, AddressChanges]:
        reference, changes = self._reference_and_changes()
        return reference, cast("AddressChanges", changes)
