"""The addresses in PostgreSQL."""

import re
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.address_types import settled
from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction, json_text
from watcher.adapters.postgres.named import by, got_or_created, renamed
from watcher.adapters.postgres.queries import load
from watcher.domain.address import (
    Address,
    AddressChanges,
    AddressDeclaration,
    AddressDeclared,
    AddressFilter,
    AddressNameTaken,
    AddressNotFound,
)
from watcher.domain.address_type import AddressTypeNotFound
from watcher.domain.page import Page, Slice
from watcher.domain.text import Reference, folded, folded_part, name_key

SQL = load("addresses")
WILDCARDS = re.compile(r"[\\%_]")


class PostgresAddresses:
    """`Addresses` by SQL. Whoever writes both writes types before addresses: so nobody waits in a circle."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, declaration: AddressDeclaration, now: datetime) -> AddressDeclared:
        values = _values(declaration, now)
        known = await self._database.row(SQL["declared"], **values)
        if known is not None:
            return AddressDeclared(known["id"], created=False)
        for _ in range(ATTEMPTS):
            async with self._database.transaction() as transaction:
                values["address_type_id"] = await settled(transaction, declaration.address_type(), now)
                row = await got_or_created(transaction, SQL, values)
                if row is not None:
                    return AddressDeclared(*row)
        raise renamed(declaration.name)

    async def change(self, reference: Reference, changes: AddressChanges, now: datetime) -> Address:
        async with self._database.transaction() as transaction:
            row = await transaction.row(SQL["hold"], **by(reference))
            if row is None:
                raise AddressNotFound(reference)
            held = Address(**row)
            changed = held.changed(changes, now)
            if changed is not held:
                await _write(transaction, changed)
            if changed.key() != held.key():
                await transaction.rows(SQL["forget_declarations"], id=held.id)
            return changed

    async def get(self, identity: int) -> Address:
        row = await self._database.row(SQL["get"], id=identity)
        if row is None:
            raise AddressNotFound(identity)
        return Address(**row)

    async def page(self, wanted: AddressFilter, page: Page) -> Slice[Address]:
        part = None if wanted.name_contains is None else folded_part(wanted.name_contains)
        values: dict[str, object] = {
            "name_key": None if wanted.name is None else name_key(wanted.name),
            "pattern": None if part is None else "%" + WILDCARDS.sub(r"\\\g<0>", part) + "%",
            "type_key": None if wanted.type is None else name_key(wanted.type),
            "group_key": None if wanted.group is None else name_key(wanted.group),
            "after": page.after or 0,
            "limit": page.limit + 1,
        }
        if wanted.name is not None:
            rows = await self._database.read(SQL["page_named"], **values)
        elif part is not None:
            rows = await self._database.read_replanned(SQL["page"], **values)
        elif wanted.type is not None or wanted.group is not None:
            rows = await self._database.read(SQL["page_of_types"], **values)
        else:
            rows = await self._database.read(SQL["page"], **values)
        return Slice.cut([Address(**row) for row in rows], page.limit)


def _values(declaration: AddressDeclaration, now: datetime) -> dict[str, object]:
    return {
        "name": declaration.name,
        "name_key": declaration.key(),
        "name_folded": folded(declaration.name),
        "declaration": declaration.digest(),
        "database_name": declaration.database_name,
        "schema_name": declaration.schema_name,
        "table_name": declaration.table_name,
        "primary_key": declaration.primary_key,
        "address_metadata": json_text(declaration.address_metadata),
        "now": now,
    }


async def _write(transaction: Transaction, changed: Address) -> None:
    try:
        await transaction.rows(
            SQL["change"],
            id=changed.id,
            name=changed.name,
            name_key=changed.key(),
            name_folded=folded(changed.name),
            address_type_id=changed.address_type_id,
            database_name=changed.database_name,
            schema_name=changed.schema_name,
            table_name=changed.table_name,
            primary_key=changed.primary_key,
            address_metadata=json_text(changed.address_metadata),
            updated_at=changed.updated_at,
        )
    except asyncpg.UniqueViolationError:
        raise AddressNameTaken(changed.name) from None
    except asyncpg.ForeignKeyViolationError:
        raise AddressTypeNotFound(changed.address_type_id) from None
