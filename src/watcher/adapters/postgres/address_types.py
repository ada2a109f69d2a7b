"""The address types in PostgreSQL."""

from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction
from watcher.adapters.postgres.named import by, got_or_created, renamed
from watcher.adapters.postgres.queries import load
from watcher.domain.address_type import (
    AddressType,
    AddressTypeChanges,
    AddressTypeDeclaration,
    AddressTypeDeclared,
    AddressTypeNameTaken,
    AddressTypeNotFound,
)
from watcher.domain.page import Page, Slice
from watcher.domain.text import Reference, name_key

SQL = load("address_types")


class PostgresAddressTypes:
    """`AddressTypes` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, declaration: AddressTypeDeclaration, now: datetime) -> AddressTypeDeclared:
        values = _values(declaration, now)
        known = await self._database.row(SQL["declared"], **values)
        if known is not None:
            return AddressTypeDeclared(known["id"], created=False)
        for _ in range(ATTEMPTS):
            async with self._database.transaction() as transaction:
                row = await got_or_created(transaction, SQL, values)
                if row is not None:
                    return AddressTypeDeclared(*row)
        raise renamed(declaration.name)

    async def change(self, reference: Reference, changes: AddressTypeChanges, now: datetime) -> AddressType:
        async with self._database.transaction() as transaction:
            row = await transaction.row(SQL["hold"], **by(reference))
            if row is None:
                raise AddressTypeNotFound(reference)
            held = AddressType(**row)
            changed = held.changed(changes, now)
            if changed is not held:
                await _write(transaction, changed)
            return changed

    async def get(self, identity: int) -> AddressType:
        row = await self._database.row(SQL["get"], id=identity)
        if row is None:
            raise AddressTypeNotFound(identity)
        return AddressType(**row)

    async def page(self, page: Page) -> Slice[AddressType]:
        rows = await self._database.read(SQL["page"], after=page.after or 0, limit=page.limit + 1)
        return Slice.cut([AddressType(**row) for row in rows], page.limit)


async def settled(transaction: Transaction, declaration: AddressTypeDeclaration, now: datetime) -> int:
    """The id of the type as declared: created where it was missing, changed where it was declared otherwise."""
    values = _values(declaration, now)
    known = await transaction.row(SQL["declared"], **values)
    if known is not None:
        return int(known["id"])
    for _ in range(ATTEMPTS):
        row = await got_or_created(transaction, SQL, values)
        if row is not None:
            return row[0]
    raise renamed(declaration.name)


def _values(declaration: AddressTypeDeclaration, now: datetime) -> dict[str, object]:
    return {
        "name": declaration.name,
        "name_key": declaration.key(),
        "declaration": declaration.digest(),
        "group_name": declaration.group_name,
        "group_key": name_key(declaration.group_name),
        "now": now,
    }


async def _write(transaction: Transaction, changed: AddressType) -> None:
    try:
        await transaction.rows(
            SQL["change"],
            id=changed.id,
            name=changed.name,
            name_key=changed.key(),
            group_name=changed.group_name,
            group_key=name_key(changed.group_name),
            updated_at=changed.updated_at,
        )
    except asyncpg.UniqueViolationError:
        raise AddressTypeNameTaken(changed.name) from None
