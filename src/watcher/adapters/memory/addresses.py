"""The addresses and their types, in dictionaries."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from watcher.adapters.memory.register import Register
from watcher.domain.address import (
    Address,
    AddressChanges,
    AddressDeclaration,
    AddressDeclared,
    AddressFilter,
    AddressNameTaken,
    AddressNotFound,
)
from watcher.domain.address_type import (
    AddressType,
    AddressTypeChanges,
    AddressTypeDeclaration,
    AddressTypeDeclared,
    AddressTypeNameTaken,
    AddressTypeNotFound,
)
from watcher.domain.page import Page, Slice
from watcher.domain.text import Reference


class MemoryAddressTypes:
    """`AddressTypes` in dictionaries."""

    def __init__(self) -> None:
        self._types: Register[AddressType] = Register(AddressTypeNotFound, AddressTypeNameTaken)

    async def declare(self, declaration: AddressTypeDeclaration, now: datetime) -> AddressTypeDeclared:
        return self.declared(declaration, now)

    def declared(self, declaration: AddressTypeDeclaration, now: datetime) -> AddressTypeDeclared:
        """What `declare` does, for those who cannot await."""
        held, digest = self._types.found(declaration.name), declaration.digest()
        if held is None:
            row = AddressType(
                id=self._types.new_id(),
                name=declaration.name,
                group_name=declaration.group_name,
                created_at=now,
            )
        elif self._types.declarations[held.id] == digest:
            row = held
        else:
            row = held.declared(declaration, now)
        self._types.put(row)
        self._types.declarations[row.id] = digest
        return AddressTypeDeclared(row.id, created=held is None)

    async def change(self, reference: Reference, changes: AddressTypeChanges, now: datetime) -> AddressType:
        changed = self._types.known(reference).changed(changes, now)
        self._types.check_name(changed)
        self._types.put(changed)
        return changed

    def known(self, identity: int) -> AddressType:
        """Raises `AddressTypeNotFound`."""
        return self._types.known(identity)

    async def get(self, identity: int) -> AddressType:
        return self.known(identity)

    async def page(self, page: Page) -> Slice[AddressType]:
        return self._types.page(page)


class MemoryAddresses:
    """`Addresses` in dictionaries."""

    def __init__(self, address_types: MemoryAddressTypes) -> None:
        self._address_types = address_types
        self._addresses: Register[Address] = Register(AddressNotFound, AddressNameTaken)
        self._renames: Counter[int] = Counter()

    async def declare(self, declaration: AddressDeclaration, now: datetime) -> AddressDeclared:
        return self.declared(declaration, now)

    def declared(self, declaration: AddressDeclaration, now: datetime) -> AddressDeclared:
        """What `declare` does, for those who cannot await."""
        held = self._addresses.found(declaration.name)
        if held is not None and self.unchanged(declaration):
            return AddressDeclared(held.id, created=False)
        type_id = self._address_types.declared(declaration.address_type(), now).id
        return self.placed(declaration, type_id, now)

    def unchanged(self, declaration: AddressDeclaration) -> bool:
        """Whether this was the last thing said about the address."""
        held = self._addresses.found(declaration.name)
        return held is not None and self._addresses.declarations[held.id] == declaration.digest()

    def placed(self, declaration: AddressDeclaration, type_id: int, now: datetime) -> AddressDeclared:
        """Takes a declaration, whose type is there, if it is not unchanged."""
        held, digest = self._addresses.found(declaration.name), declaration.digest()
        if held is not None and self._addresses.declarations[held.id] == digest:
            return AddressDeclared(held.id, created=False)
        if held is None:
            identity = self._addresses.new_id()
            fresh = Address(id=identity, name=declaration.name, address_type_id=type_id, created_at=now)
            row = replace(fresh.declared(declaration, type_id, now), updated_at=None)
        else:
            row = held.declared(declaration, type_id, now)
        self._addresses.put(row)
        self._addresses.declarations[row.id] = digest
        return AddressDeclared(row.id, created=held is None)

    async def change(self, reference: Reference, changes: AddressChanges, now: datetime) -> Address:
        held = self._addresses.known(reference)
        changed = held.changed(changes, now)
        self._addresses.check_name(changed)
        self._address_types.known(changed.address_type_id)
        self._addresses.put(changed)
        self._renames[held.id] += held.key() != changed.key()
        return changed

    def renames_of(self, identities: Iterable[int]) -> int:
        """How often these addresses were given another name; to be compared with the same at another time."""
        return sum(self._renames[each] for each in identities)

    def known(self, reference: Reference) -> Address:
        """Raises `AddressNotFound`."""
        return self._addresses.known(reference)

    def type_of(self, address: Address) -> AddressType:
        return self._address_types.known(address.address_type_id)

    async def get(self, identity: int) -> Address:
        return self.known(identity)

    async def page(self, wanted: AddressFilter, page: Page) -> Slice[Address]:
        return self._addresses.page(
            page, lambda row: wanted.admits(row, self._address_types.known(row.address_type_id))
        )
