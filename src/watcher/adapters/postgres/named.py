"""Rows that have a name: found by id or by name, got or created by name."""

from collections.abc import Mapping

from watcher.adapters.postgres.database import ATTEMPTS, Transaction
from watcher.adapters.postgres.queries import Query
from watcher.domain.errors import StoreBusy
from watcher.domain.text import Reference, name_key


def by(reference: Reference) -> dict[str, object]:
    """The parameters that find a row by its id or by its name."""
    if isinstance(reference, int):
        return {"id": reference, "name_key": None}
    return {"id": None, "name_key": name_key(reference)}


async def got_or_created(
    transaction: Transaction, sql: Mapping[str, Query], values: dict[str, object]
) -> tuple[int, bool] | None:
    """The id of the row as declared, and whether it had to be created; None when its name went meanwhile.

    `sql` has the statements `create` (nothing where the name is taken), `declare` (nothing where the last
    declaration had this content) and `named`. None is worth a few more transactions, then `renamed`.
    """
    created = await transaction.row(sql["create"], **values)
    if created is not None:
        return created["id"], True
    await transaction.rows(sql["declare"], **values)
    named = await transaction.row(sql["named"], **values)
    return None if named is None else (named["id"], False)


def renamed(name: str) -> StoreBusy:
    """What to raise when a name that was just there keeps being gone at the second look."""
    return StoreBusy(f"{name!r} was renamed {ATTEMPTS} times while it was declared")
