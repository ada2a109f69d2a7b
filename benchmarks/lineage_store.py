"""Graphs in the database, as declarations would have left them there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from benchmarks.database import Database
from benchmarks.graphs import Lineage, by_target
from benchmarks.servers import PIPELINES
from watcher.domain.address import AddressDeclaration
from watcher.domain.lineage import LineageDeclaration
from watcher.domain.text import folded, name_key

SOURCES = 5
"""Edges of one target that one pipeline owns, at most."""

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = "benchmark"
GROUP = "database"
SETTLED = (
    "SELECT setval(pg_get_serial_sequence('address', 'id'), (SELECT max(id) FROM address))",
    "VACUUM (ANALYZE) address, address_type, pipeline, address_lineage, lineage_declaration",
)
SIZES = """
    SELECT
        (SELECT count(*) FROM address_lineage_closure) AS pairs,
        pg_total_relation_size('address_lineage') AS edges_bytes,
        pg_total_relation_size('address_lineage_closure') AS closure_bytes,
        pg_total_relation_size('address_lineage_reach') AS reach_bytes
"""


def address(number: int) -> AddressDeclaration:
    """The address with that id; `lua/lineage.lua` spells it alike."""
    return AddressDeclaration(
        name=f"graph.public.t{number:06d}", address_type_name=TYPE, address_type_group_name=GROUP
    )


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a graph takes on disk, with its indexes."""

    pairs: int
    edges_bytes: int
    closure_bytes: int
    reach_bytes: int


def sizes(database: Database) -> Sizes:
    (row,) = database.rows(SIZES)
    return Sizes(**row)


def fill(database: Database, graph: Lineage) -> int:
    """Addresses get their numbers as ids, pipelines the ids after 1,000: an API declares those before.

    Gives one pipeline more that owns nothing.
    """
    database.execute([_TYPES])
    unused = asyncio.run(_copied(database.dsn, graph))
    database.execute(SETTLED)
    return unused


_TYPES = f"""
    WITH kind AS (
        INSERT INTO pipeline_type (name, name_key, created_at)
        VALUES ('{TYPE}', '\\x{name_key(TYPE).hex()}', now())
    )
    INSERT INTO address_type (name, name_key, group_name, group_key, declaration, created_at)
    VALUES (
        '{TYPE}', '\\x{name_key(TYPE).hex()}', '{GROUP}', '\\x{name_key(GROUP).hex()}',
        '\\x{address(1).address_type().digest().hex()}', now()
    )
"""  # noqa: S608 (constants)


async def _copied(dsn: str, graph: Lineage) -> int:
    """Without looking up every address and pipeline that a row refers to: they are there."""
    connection = await asyncpg.connect(dsn, server_settings={"session_replication_role": "replica"})
    try:
        owned = list(enumerate(by_target(graph.edges, SOURCES), start=PIPELINES + 1))
        last = PIPELINES + len(owned) + 1
        declared = [address(number) for number in range(1, graph.addresses + 1)]
        for table, columns, records in (
            ("address", _ADDRESS, _addresses(declared)),
            ("pipeline", _PIPELINE, _pipelines(range(PIPELINES + 1, last + 1))),
            ("lineage_declaration", _DECLARATION, _declarations(owned, declared)),
            ("address_lineage", _EDGE, _edges(owned)),
        ):
            await connection.copy_records_to_table(table, records=records, columns=columns)
    finally:
        await connection.close()
    return last


_ADDRESS = (
    *("id", "address_type_id", "created_at", "name", "name_key", "name_folded", "declaration"),
    *("database_name", "schema_name", "table_name"),
)
_PIPELINE = ("id", "pipeline_type_id", "created_at", "name", "name_key", "declaration")
_DECLARATION = ("pipeline_id", "valid_from", "declaration", "source_address_ids", "target_address_ids")
_EDGE = ("pipeline_id", "source_address_id", "target_address_id", "valid_from")

Record = tuple[object, ...]
Owned = Sequence[tuple[int, tuple[Sequence[int], int]]]


def _addresses(declared: Sequence[AddressDeclaration]) -> Iterator[Record]:
    for identity, each in enumerate(declared, start=1):
        keys = each.key(), folded(each.name), each.digest()
        yield identity, 1, SINCE, each.name, *keys, each.database_name, each.schema_name, each.table_name


def _pipelines(identities: Iterable[int]) -> Iterator[Record]:
    for identity in identities:
        name = f"graph {identity}"
        yield identity, 1, SINCE, name, name_key(name), b""


def _declarations(owned: Owned, declared: Sequence[AddressDeclaration]) -> Iterator[Record]:
    for pipeline, (sources, target) in owned:
        declaration = LineageDeclaration(
            pipeline_id=pipeline,
            sources=[declared[each - 1] for each in sources],
            targets=[declared[target - 1]],
        )
        yield pipeline, SINCE, declaration.digest(), sorted(sources), [target]


def _edges(owned: Owned) -> Iterator[Record]:
    for pipeline, (sources, target) in owned:
        for source in sources:
            yield pipeline, source, target, SINCE
