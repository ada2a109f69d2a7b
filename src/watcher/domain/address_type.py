"""Address types: what kind of place an address is (`postgres`, `s3`), and the group of such kinds (`database`)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypedDict

from watcher.domain.clock import Clock
from watcher.domain.document import digest
from watcher.domain.errors import Conflict, NotFound
from watcher.domain.page import Page, Slice
from watcher.domain.text import TYPE_NAME_LIMIT, Reference, checked_name, name_key


@dataclass(unsafe_hash=True)
class AddressTypeNotFound(NotFound):
    reference: Reference

    def __str__(self) -> str:
        return f"There is no address type {self.reference!r}."


@dataclass(unsafe_hash=True)
class AddressTypeNameTaken(Conflict):
    name: str

    def __str__(self) -> str:
        return f"Another address type is already named {self.name!r}."


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTypeDeclaration:
    """What a client says an address type is. Raises `InvalidValue` when it cannot be."""

    name: str
    group_name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name("name", self.name, TYPE_NAME_LIMIT))
        object.__setattr__(self, "group_name", checked_name("group_name", self.group_name, TYPE_NAME_LIMIT))

    def digest(self) -> bytes:
        """Tells one declared content from another; the name takes no part in it."""
        return digest(name_key(self.group_name).hex())

    def key(self) -> bytes:
        return name_key(self.name)


class AddressTypeChanges(TypedDict, total=False):
    """The fields a change names, and only those."""

    name: str
    group_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressType:
    id: int
    name: str
    group_name: str
    created_at: datetime
    updated_at: datetime | None = None

    def changed(self, changes: AddressTypeChanges, now: datetime) -> "AddressType":
        """The type after the change; itself when the change changes nothing. Raises `InvalidValue`."""
        checked = changes.copy()
        if "name" in checked:
            checked["name"] = checked_name("name", checked["name"], TYPE_NAME_LIMIT)
        if "group_name" in checked:
            checked["group_name"] = checked_name("group_name", checked["group_name"], TYPE_NAME_LIMIT)
        changed = replace(self, **checked)
        return self if changed == self else replace(changed, updated_at=now)

    def declared(self, declaration: AddressTypeDeclaration, now: datetime) -> "AddressType":
        """The type as declared anew: all it declares, under the name first given."""
        return replace(self, group_name=declaration.group_name, updated_at=now)

    def key(self) -> bytes:
        return name_key(self.name)


@dataclass(frozen=True, slots=True)
class AddressTypeDeclared:
    """The answer to a declaration."""

    id: int
    created: bool


class AddressTypes(Protocol):
    """The address types on record. Every method is one transaction."""

    async def declare(self, declaration: AddressTypeDeclaration, now: datetime) -> AddressTypeDeclared:
        """Gets or creates a type by name, once under any concurrency.

        A type whose last declaration had the same content is left untouched; any other takes the
        declared content, and `now` as its `updated_at`.
        """
        ...

    async def change(self, reference: Reference, changes: AddressTypeChanges, now: datetime) -> AddressType:
        """Applies `AddressType.changed`. Raises `AddressTypeNotFound`, `AddressTypeNameTaken`, `InvalidValue`."""
        ...

    async def get(self, identity: int) -> AddressType:
        """Raises `AddressTypeNotFound`."""
        ...

    async def page(self, page: Page) -> Slice[AddressType]:
        """By ascending id."""
        ...


@dataclass(frozen=True, slots=True)
class DeclareAddressType:
    """Gets or creates one address type by name."""

    address_types: AddressTypes
    clock: Clock

    async def __call__(self, declaration: AddressTypeDeclaration) -> AddressTypeDeclared:
        return await self.address_types.declare(declaration, self.clock.now())


@dataclass(frozen=True, slots=True)
class ChangeAddressType:
    """Changes the named fields of one address type."""

    address_types: AddressTypes
    clock: Clock

    async def __call__(self, reference: Reference, changes: AddressTypeChanges) -> AddressType:
        return await self.address_types.change(reference, changes, self.clock.now())
