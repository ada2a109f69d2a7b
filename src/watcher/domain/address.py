"""Addresses: where data lies or goes. A table, a file, a topic, a report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypedDict

from watcher.domain.address_type import AddressType, AddressTypeDeclaration
from watcher.domain.clock import Clock
from watcher.domain.document import Document, canonical, checked_document, digest, same_document
from watcher.domain.errors import Conflict, InvalidValue, NotFound
from watcher.domain.page import Page, Slice
from watcher.domain.text import (
    ADDRESS_NAME_LIMIT,
    TYPE_NAME_LIMIT,
    Reference,
    checked_name,
    checked_text,
    folded,
    folded_part,
    name_key,
)

DATABASE_GROUP = "database"


@dataclass(unsafe_hash=True)
class AddressNotFound(NotFound):
    reference: Reference

    def __str__(self) -> str:
        return f"There is no address {self.reference!r}."


@dataclass(unsafe_hash=True)
class AddressNameTaken(Conflict):
    name: str

    def __str__(self) -> str:
        return f"Another address is already named {self.name!r}."


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressDeclaration:
    """What a client says an address is. Raises `InvalidValue` when it cannot be.

    In the group `database` a name of three parts, `database.schema.table`, fills those of the three that
    are not given.
    """

    name: str
    address_type_name: str
    address_type_group_name: str
    database_name: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    primary_key: str | None = None
    address_metadata: Document | None = None

    def __post_init__(self) -> None:
        place = object.__setattr__
        place(self, "name", checked_name("name", self.name, ADDRESS_NAME_LIMIT))
        type_name = checked_name("address_type_name", self.address_type_name, TYPE_NAME_LIMIT)
        group_name = checked_name("address_type_group_name", self.address_type_group_name, TYPE_NAME_LIMIT)
        place(self, "address_type_name", type_name)
        place(self, "address_type_group_name", group_name)
        checked_part("database_name", self.database_name)
        checked_part("schema_name", self.schema_name)
        checked_part("table_name", self.table_name)
        checked_part("primary_key", self.primary_key)
        checked_document("address_metadata", self.address_metadata)
        for field, part in zip(PARTS, self._parts_of_name(), strict=False):
            if getattr(self, field) is None:
                place(self, field, part)

    def content(self) -> tuple[str | None, ...]:
        """What is declared, in one spelling for all equal declarations; without the name, and what that fills."""
        metadata = self.address_metadata
        return (
            folded(self.address_type_name),
            folded(self.address_type_group_name),
            *self._own_parts(),
            self.primary_key,
            None if metadata is None else canonical("address_metadata", metadata),
        )

    def spelled(self, name: str) -> "AddressDeclaration":
        """The same declaration under another spelling of the name, which fills what the name filled before."""
        if name == self.name:
            return self
        database_name, schema_name, table_name = self._own_parts()
        return replace(
            self, name=name, database_name=database_name, schema_name=schema_name, table_name=table_name
        )

    def digest(self) -> bytes:
        """Tells one declared content from another."""
        return digest(repr(self.content()))

    def key(self) -> bytes:
        return name_key(self.name)

    def address_type(self) -> AddressTypeDeclaration:
        """What this says about the type."""
        return AddressTypeDeclaration(name=self.address_type_name, group_name=self.address_type_group_name)

    def _own_parts(self) -> Sequence[str | None]:
        """Database, schema and table where they are not what the name says."""
        parts = [self.database_name, self.schema_name, self.table_name]
        named = self._parts_of_name()
        return [None if named and part == named[turn] else part for turn, part in enumerate(parts)]

    def _parts_of_name(self) -> Sequence[str]:
        """Database, schema and table as the name has them, in the group where it does."""
        if self.name.count(".") != 2 or folded(self.address_type_group_name) != DATABASE_GROUP:
            return ()
        parts = [part.strip() for part in self.name.split(".")]
        return parts if all(parts) else ()


PARTS = ("database_name", "schema_name", "table_name", "primary_key")


def checked_part(field: str, part: str | None) -> None:
    """A part of an address is text of at most 1,000 characters; raises `InvalidValue` beyond."""
    if part is not None:
        checked_text(field, part, ADDRESS_NAME_LIMIT)


class AddressChanges(TypedDict, total=False):
    """The fields a change names, and only those."""

    name: str
    address_type_id: int
    database_name: str | None
    schema_name: str | None
    table_name: str | None
    primary_key: str | None
    address_metadata: Document | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    id: int
    name: str
    address_type_id: int
    database_name: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    primary_key: str | None = None
    address_metadata: Document | None = None
    created_at: datetime
    updated_at: datetime | None = None

    def changed(self, changes: AddressChanges, now: datetime) -> "Address":
        """The address after the change; itself when the change changes nothing. Raises `InvalidValue`."""
        checked = changes.copy()
        if "name" in checked:
            checked["name"] = checked_name("name", checked["name"], ADDRESS_NAME_LIMIT)
        changed = replace(self, **checked)
        for field in PARTS:
            checked_part(field, getattr(changed, field))
        checked_document("address_metadata", changed.address_metadata)
        same = same_document(changed.address_metadata, self.address_metadata)  # to Python, True == 1
        if same:
            changed = replace(changed, address_metadata=self.address_metadata)
        return self if same and changed == self else replace(changed, updated_at=now)

    def declared(self, declaration: AddressDeclaration, address_type_id: int, now: datetime) -> "Address":
        """The address as declared anew: all it declares, under the name first given."""
        return replace(
            self,
            address_type_id=address_type_id,
            database_name=declaration.database_name,
            schema_name=declaration.schema_name,
            table_name=declaration.table_name,
            primary_key=declaration.primary_key,
            address_metadata=declaration.address_metadata,
            updated_at=now,
        )

    def key(self) -> bytes:
        return name_key(self.name)


@dataclass(frozen=True, slots=True)
class AddressDeclared:
    """The answer to a declaration."""

    id: int
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFilter:
    """Those that meet every given condition, without regard to case. Raises `InvalidValue`."""

    name: str | None = None
    name_contains: str | None = None
    type: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        for field in ("name", "name_contains", "type", "group"):
            text = getattr(self, field)
            if text is not None:
                checked_text(field, text, ADDRESS_NAME_LIMIT)
        if self.name_contains == "":
            raise InvalidValue("name_contains", "must not be empty")

    def admits(self, address: Address, address_type: AddressType) -> bool:
        """Whether an address of that type meets every given condition."""
        return (
            (self.name is None or folded(self.name) == folded(address.name))
            and (self.name_contains is None or folded_part(self.name_contains) in folded(address.name))
            and (self.type is None or folded(self.type) == folded(address_type.name))
            and (self.group is None or folded(self.group) == folded(address_type.group_name))
        )


class Addresses(Protocol):
    """The addresses on record. Every method is one transaction."""

    async def declare(self, declaration: AddressDeclaration, now: datetime) -> AddressDeclared:
        """Gets or creates an address by name, and its type where that is missing.

        One row for a name under any concurrency, and one answer that says `created`. An address whose
        last declaration had the same content is left untouched; any other takes the declared content, and
        `now` as its `updated_at`; so does its type, where the declaration says something new of that.
        """
        ...

    async def change(self, reference: Reference, changes: AddressChanges, now: datetime) -> Address:
        """Applies `Address.changed`.

        Raises `AddressNotFound`, `AddressNameTaken`, `AddressTypeNotFound`, `InvalidValue`.
        """
        ...

    async def get(self, identity: int) -> Address:
        """Raises `AddressNotFound`."""
        ...

    async def page(self, wanted: AddressFilter, page: Page) -> Slice[Address]:
        """By ascending id."""
        ...


@dataclass(frozen=True, slots=True)
class DeclareAddress:
    """Gets or creates one address by name."""

    addresses: Addresses
    clock: Clock

    async def __call__(self, declaration: AddressDeclaration) -> AddressDeclared:
        return await self.addresses.declare(declaration, self.clock.now())


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """Changes the named fields of one address."""

    addresses: Addresses
    clock: Clock

    async def __call__(self, reference: Reference, changes: AddressChanges) -> Address:
        return await self.addresses.change(reference, changes, self.clock.now())
