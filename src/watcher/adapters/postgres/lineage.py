"""What pipelines declared about their lineage, in PostgreSQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction, json_text
from watcher.adapters.postgres.executions import LONG
from watcher.adapters.postgres.queries import load
from watcher.domain.address import AddressDeclaration
from watcher.domain.errors import StoreBusy
from watcher.domain.lineage import (
    HistoryPruned,
    KeyedLineage,
    LineageDeclaration,
    PipelineLineage,
    Place,
    Replaced,
    Standing,
)
from watcher.domain.pipeline import PipelineNotFound
from watcher.domain.text import folded, name_key

SQL = load("lineage")
GRAPH = load("lineage_graph")


class PostgresLineage:
    """`Lineage` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, declarations: Sequence[LineageDeclaration]) -> list[Standing | PipelineNotFound]:
        rows = await self._database.rows(
            SQL["standing"],
            pipeline_ids=[declaration.pipeline_id for declaration in declarations],
            declarations=[declaration.digest() for declaration in declarations],
        )
        found = {row["position"]: row for row in rows}
        return [
            _standing(found[position]) if position in found else PipelineNotFound(declaration.pipeline_id)
            for position, declaration in enumerate(declarations, start=1)
        ]

    async def replace(
        self, declaration: LineageDeclaration, version: int | None, now: datetime
    ) -> Replaced | None:
        """One statement where all addresses are there as declared; else all in one transaction."""
        keyed = declaration.keyed()
        values = {
            "pipeline_id": keyed.pipeline_id,
            "version": version,
            "declaration": declaration.digest(),
            "now": now,
        }
        known = Known.of(keyed, await self._database.rows(SQL["known_addresses"], **_keys(keyed)))
        if not known.changed and len(keyed.addresses) <= LONG:
            return _replaced(await self._database.row(SQL["replace"], **known.ends(), **values))
        async with self._database.transaction() as transaction:
            if len(keyed.addresses) > LONG:
                await transaction.replan()
            if known.changed:
                known = await _ensured(transaction, keyed, known.changed, now)
            return _replaced(await transaction.row(SQL["replace"], **known.ends(), **values))

    async def of_pipeline(self, pipeline_id: int, as_of: datetime | None = None) -> PipelineLineage:
        async with self._database.snapshot() as snapshot:
            pipeline = await snapshot.row(SQL["pipeline"], pipeline_id=pipeline_id)
            if pipeline is None:
                raise PipelineNotFound(pipeline_id)
            check_kept(pipeline, as_of)
            statement = SQL["declared" if as_of is None else "declared_as_of"]
            declared = await snapshot.row(statement, pipeline_id=pipeline_id, as_of=as_of)
            if declared is None:
                return PipelineLineage(pipeline_id=pipeline_id, declared_at=None, sources=(), targets=())
            sources, targets = declared["source_address_ids"], declared["target_address_ids"]
            rows = await snapshot.rows(GRAPH["places"], ids=sorted({*sources, *targets}))
        places = {row["id"]: Place(**row) for row in rows}
        return PipelineLineage(
            pipeline_id=pipeline_id,
            declared_at=declared["valid_from"],
            sources=[places[each] for each in sources],
            targets=[places[each] for each in targets],
        )

    async def prune(self, before: datetime, limit: int) -> int:
        async with self._database.transaction() as transaction:
            await transaction.rows(SQL["pruning"], before=before)
            edges = await transaction.rows(SQL["prune_edges"], before=before, limit=limit)
            room = limit - len(edges)
            declared = await transaction.rows(SQL["prune_declarations"], before=before, limit=room)
        return len(edges) + len(declared)


def check_kept(row: asyncpg.Record, as_of: datetime | None) -> None:
    """Raises `HistoryPruned` where the row's `pruned_before` is later than the instant."""
    kept_since = row["pruned_before"]
    if as_of is not None and kept_since is not None and as_of < kept_since:
        raise HistoryPruned(as_of, kept_since)


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(row["load_lineage"], bool(row["unchanged"]), row["version"])


@dataclass(frozen=True, slots=True)
class Known:
    """What of a declaration is on record: ids by key, and the keys of what is missing or was declared otherwise."""

    keyed: KeyedLineage
    ids: dict[bytes, int]
    changed: Sequence[bytes]

    @classmethod
    def of(cls, keyed: KeyedLineage, rows: Iterable[asyncpg.Record]) -> "Known":
        keys = list(keyed.addresses)
        found = {keys[row["position"] - 1]: row for row in rows}
        changed = [key for key in keys if key not in found or not found[key]["same"]]
        return cls(keyed, {key: row["id"] for key, row in found.items()}, changed)

    def ends(self) -> dict[str, object]:
        """The ids of both ends of the edges."""
        return {
            "sources": sorted(self.ids[key] for key in self.keyed.sources),
            "targets": sorted(self.ids[key] for key in self.keyed.targets),
        }


def _replaced(row: asyncpg.Record | None) -> Replaced | None:
    return Replaced(row["created"], row["ended"]) if row is not None and row["opened"] else None


def _keys(keyed: KeyedLineage) -> dict[str, object]:
    return {"keys": list(keyed.addresses), "declarations": [keyed.digests[key] for key in keyed.addresses]}


async def _ensured(
    transaction: Transaction, keyed: KeyedLineage, changed: Sequence[bytes], now: datetime
) -> Known:
    """Creates the addresses that are missing, and gives the others the content that is declared now."""
    for _ in range(ATTEMPTS):
        await _declare(transaction, keyed, changed, now)
        known = Known.of(keyed, await transaction.rows(SQL["known_addresses"], **_keys(keyed)))
        if len(known.ids) == len(keyed.addresses):
            return known
        changed = [key for key in keyed.addresses if key not in known.ids]
    raise StoreBusy(f"an address or its type was renamed {ATTEMPTS} times while it was declared")


async def _declare(
    transaction: Transaction, keyed: KeyedLineage, changed: Sequence[bytes], now: datetime
) -> None:
    types = keyed.types_of(changed)
    type_columns = {
        "keys": list(types),
        "names": [each.name for each in types.values()],
        "groups": [each.group_name for each in types.values()],
        "group_keys": [name_key(each.group_name) for each in types.values()],
        "declarations": [each.digest() for each in types.values()],
    }
    await _create_or_declare(transaction, "types", {**type_columns, "now": now})
    columns = _address_columns([keyed.addresses[key] for key in changed])
    digests = [keyed.digests[key] for key in changed]
    values = {**columns, "keys": changed, "declarations": digests, "now": now}
    await _create_or_declare(transaction, "addresses", values)


async def _create_or_declare(transaction: Transaction, what: str, values: dict[str, object]) -> None:
    await transaction.rows(SQL[f"create_{what}"], **values)
    held = [row["id"] for row in await transaction.rows(SQL[f"hold_{what}"], **values)]
    if held:
        await transaction.rows(SQL[f"declare_{what}"], **values, held=held)


def _address_columns(addresses: Iterable[AddressDeclaration]) -> dict[str, object]:
    addresses = list(addresses)
    return {
        "names": [each.name for each in addresses],
        "folded": [folded(each.name) for each in addresses],
        "type_keys": [name_key(each.address_type_name) for each in addresses],
        "database_names": [each.database_name for each in addresses],
        "schema_names": [each.schema_name for each in addresses],
        "table_names": [each.table_name for each in addresses],
        "primary_keys": [each.primary_key for each in addresses],
        "metadata": [json_text(each.address_metadata) for each in addresses],
    }
