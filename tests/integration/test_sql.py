"""Every statement fits the schema, and the frequent ones find their rows by an index however many there are."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import watcher.adapters.postgres
from tests.server import Server
from watcher.adapters.postgres.connections import SERVER_SETTINGS
from watcher.adapters.postgres.database import PLAN_FOR_THESE_VALUES
from watcher.adapters.postgres.queries import Query, load

FILES = sorted(Path(watcher.adapters.postgres.__file__).parent.glob("sql/*.sql"))
STATEMENTS = {f"{file.stem}.{name}": query for file in FILES for name, query in load(file.stem).items()}
EXECUTIONS = load("executions")
LINEAGE = load("lineage")
GRAPH = load("lineage_graph")
PIPELINES = load("pipelines")
ADDRESSES = load("addresses")

MANY = Path(__file__).with_name("many.sql")


@pytest.fixture(scope="module")
async def connection(large: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as Watcher has them, to a database with 50,000 executions of 5,000 pipelines, and 20,000 addresses."""
    connection = await asyncpg.connect(large, server_settings=SERVER_SETTINGS)
    await connection.execute(MANY.read_text())
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def large(postgres: Server, template: str) -> Iterator[str]:
    with postgres.database(template) as dsn:
        yield dsn


async def plan(connection: asyncpg.Connection, query: Query) -> list[dict[str, Any]]:
    """All nodes of the statement's generic plan."""
    return await _explained(connection, query, ["NULL"] * len(query.parameters))


async def search_plan(connection: asyncpg.Connection, part: str, limit: int = 100) -> list[dict[str, Any]]:
    """All nodes of the plan for this part of a name, which is how it is planned when it is searched for."""
    given = {"pattern": f"'%{part}%'", "after": "0", "limit": str(limit)}
    page = ADDRESSES["page"]
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await _explained(connection, page, [given.get(name, "NULL") for name in page.parameters])


async def _explained(
    connection: asyncpg.Connection, query: Query, values: Sequence[str]
) -> list[dict[str, Any]]:
    await connection.execute(f"PREPARE wanted AS {query.sql}")
    arguments = f"({', '.join(values)})" if values else ""
    explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE wanted {arguments}")
    await connection.execute("DEALLOCATE wanted")
    return list(nodes(json.loads(explained)[0]["Plan"]))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from nodes(below)


def scanned(found: list[dict[str, Any]]) -> set[str]:
    """The tables that are read from end to end."""
    return {node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"}


def indexes(found: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in found if "Index Name" in node}


@pytest.mark.parametrize("query", STATEMENTS.values(), ids=STATEMENTS)
async def test_every_statement_fits_the_schema(connection: asyncpg.Connection, query: Query) -> None:
    statement = await connection.prepare(query.sql)
    assert len(statement.get_parameters()) == len(query.parameters)


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("start_roots", {"pipeline_pk"}),
        ("start", {"pipeline_execution_pk", "pipeline_pk", "pipeline_execution_closure_by_descendant"}),
        ("end", {"pipeline_execution_pk", "pipeline_pk"}),
        ("record", {"pipeline_execution_pk", "pipeline_pk", "pipeline_execution_closure_by_descendant"}),
        ("refusals", {"pipeline_execution_pk", "pipeline_pk", "pipeline_execution_external_unique"}),
        ("by_ids", {"pipeline_execution_pk"}),
        ("tree", {"pipeline_execution_pk", "pipeline_execution_closure_pk"}),
        ("position", {"pipeline_execution_pk"}),
    ],
)
async def test_executions_are_found_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, EXECUTIONS[name])
    assert scanned(found) == set()
    assert indexes(found) == used


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("page_of_all", "pipeline_execution_by_start"),
        ("page_of_pipeline", "pipeline_execution_by_pipeline"),
        ("page_of_parent", "pipeline_execution_by_parent"),
        ("page_of_running", "pipeline_execution_running"),
        ("page_of_failed", "pipeline_execution_failed"),
    ],
)
async def test_a_page_is_read_off_its_own_index_in_order(
    connection: asyncpg.Connection, name: str, used: str
) -> None:
    found = await plan(connection, EXECUTIONS[name])
    assert indexes(found) == {used}
    assert [node["Node Type"] for node in found] == ["Limit", "Index Scan"]


@pytest.mark.parametrize("name", ["unchanged", "carry", "declare", "hold", "page_named"])
async def test_pipelines_are_found_by_the_key_of_their_name(
    connection: asyncpg.Connection, name: str
) -> None:
    found = await plan(connection, PIPELINES[name])
    assert scanned(found) == set()
    assert "pipeline_name_unique" in indexes(found)


@pytest.mark.parametrize("name", ["declared", "declare", "named", "hold", "page_named"])
async def test_addresses_are_found_by_the_key_of_their_name(
    connection: asyncpg.Connection, name: str
) -> None:
    found = await plan(connection, ADDRESSES[name])
    assert scanned(found) <= {"address_type"}
    assert "address_name_unique" in indexes(found)


async def test_a_page_of_all_addresses_is_read_off_the_ids_in_order(connection: asyncpg.Connection) -> None:
    found = await plan(connection, ADDRESSES["page"])
    assert "address_pk" in indexes(found)
    assert not {node["Node Type"] for node in found} & {"Sort", "Incremental Sort"}


async def test_a_page_of_types_reads_a_page_of_each_off_their_index(connection: asyncpg.Connection) -> None:
    found = await plan(connection, ADDRESSES["page_of_types"])
    read = {node["Index Name"]: node["Node Type"] for node in found if "Index Name" in node}
    assert read == {"address_by_type": "Index Only Scan", "address_pk": "Index Scan"}
    assert scanned(found) <= {"address_type"}


@pytest.mark.parametrize("part", ["d41d8cd98f", ".d41d8", "nobody has this"])
async def test_a_part_that_few_names_have_is_looked_up(connection: asyncpg.Connection, part: str) -> None:
    found = await search_plan(connection, part)
    assert scanned(found) <= {"address_type"}
    assert indexes(found) == {"address_by_part_of_name"}


@pytest.mark.parametrize("part", ["warehouse", "ware", "a", "."])
async def test_a_part_that_many_names_have_is_met_on_the_way(
    connection: asyncpg.Connection, part: str
) -> None:
    found = await search_plan(connection, part)
    assert indexes(found) == {"address_pk"}
    assert not {node["Node Type"] for node in found} & {"Sort", "Incremental Sort"}


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("start", {"address_name_unique", "address_lineage_pending_pk", "address_lineage_reach_pk"}),
        ("kept_downstream", {"address_lineage_closure_pk"}),
        ("kept_upstream", {"address_lineage_closure_by_descendant"}),
        ("walk_downstream", {"address_lineage_downstream"}),
        ("walk_upstream", {"address_lineage_upstream"}),
        ("walk_downstream_as_of", {"address_lineage_downstream", "address_lineage_past_downstream"}),
        ("walk_upstream_as_of", {"address_lineage_upstream", "address_lineage_past_upstream"}),
        ("edges", {"address_lineage_downstream"}),
        ("edges_as_of", {"address_lineage_downstream", "address_lineage_past_downstream"}),
        ("places", {"address_pk"}),
        ("owners", {"pipeline_pk", "pipeline_execution_by_pipeline"}),
    ],
)
async def test_questions_about_lineage_are_answered_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, GRAPH[name])
    assert scanned(found) <= {"address_type", "pipeline_type", "lineage_upkeep"}
    assert indexes(found) >= used


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("standing", {"pipeline_pk", "lineage_declaration_current_unique"}),
        ("known_addresses", {"address_name_unique"}),
        ("replace", {"address_lineage_current_unique", "lineage_declaration_pk"}),
        ("declared_as_of", {"lineage_declaration_by_pipeline"}),
        ("prune_edges", {"address_lineage_ended"}),
        ("prune_declarations", {"lineage_declaration_ended"}),
    ],
)
async def test_lineage_is_declared_and_pruned_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, LINEAGE[name])
    assert scanned(found) == set()
    assert indexes(found) >= used


async def test_every_index_serves_a_statement(connection: asyncpg.Connection) -> None:
    used = {name for query in STATEMENTS.values() for name in indexes(await plan(connection, query))}
    used |= indexes(await search_plan(connection, "few names have this"))
    rows = await connection.fetch(
        """
        SELECT indexrelid::REGCLASS::TEXT
        FROM pg_index
        WHERE indrelid::REGCLASS::TEXT LIKE ANY(ARRAY['pipeline%', 'address%', 'lineage%'])
        """
    )
    types = ("pipeline_type", "address_type", "lineage_upkeep")  # few rows: any way is fast
    small = {f"{each}_{index}" for each in types for index in ("pk", "name_unique")}
    conflicts = {"pipeline_execution_external_unique"}
    names = {"address_lineage_pk"}  # what replication knows a row by
    assert {row[0] for row in rows} - used - small - conflicts - names == set()
