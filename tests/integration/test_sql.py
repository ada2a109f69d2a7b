"""Every statement fits the schema, and the frequent ones find their rows by an index however many there are."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import watcher.adapters.postgres
from tests.server import Server
from watcher.adapters.postgres.connections import SERVER_SETTINGS
from watcher.adapters.postgres.queries import Query, load

FILES = sorted(Path(watcher.adapters.postgres.__file__).parent.glob("sql/*.sql"))
STATEMENTS = {f"{file.stem}.{name}": query for file in FILES for name, query in load(file.stem).items()}
EXECUTIONS = load("executions")
PIPELINES = load("pipelines")

MANY = """
INSERT INTO pipeline_type (name, name_key, created_at) VALUES ('load', sha256('load'), '2026-01-01');

INSERT INTO pipeline (name, name_key, declaration, pipeline_type_id, created_at)
SELECT n, sha256(n::TEXT::BYTEA), sha256('declared'), (SELECT min(id) FROM pipeline_type), '2026-01-01'
FROM generate_series(1, 5000) AS n;

INSERT INTO pipeline_execution (
    id, pipeline_id, start_date, end_date, completed_successfully, total_rows, parent_id, external_id
)
SELECT n, p.first + n % 5000, t.start_date, t.end_date, CASE WHEN t.end_date IS NOT NULL THEN n % 50 <> 0 END,
    n, CASE WHEN n % 5 = 0 THEN n / 5 END, CASE WHEN n % 3 = 0 THEN n::TEXT END
FROM generate_series(1, 50000) AS n,
    LATERAL (SELECT min(id) AS first FROM pipeline) AS p,
    LATERAL (
        SELECT '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 minute' AS start_date,
            CASE WHEN n % 2000 <> 1 THEN '2026-01-01'::TIMESTAMPTZ + (n + 5) * INTERVAL '1 minute' END AS end_date
    ) AS t;

INSERT INTO pipeline_execution_closure (ancestor_id, descendant_id, depth)
WITH RECURSIVE above AS (
    SELECT parent_id AS ancestor_id, id AS descendant_id, 1 AS depth
    FROM pipeline_execution
    WHERE parent_id IS NOT NULL
    UNION ALL
    SELECT e.parent_id, a.descendant_id, a.depth + 1
    FROM above AS a
    INNER JOIN pipeline_execution AS e ON e.id = a.ancestor_id
    WHERE e.parent_id IS NOT NULL
)
SELECT ancestor_id, descendant_id, depth
FROM above;

ANALYZE;
"""


@pytest.fixture(scope="module")
async def connection(large: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as Watcher has them, to a database with 50,000 executions of 5,000 pipelines."""
    connection = await asyncpg.connect(large, server_settings=SERVER_SETTINGS)
    await connection.execute(MANY)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def large(postgres: Server, template: str) -> Iterator[str]:
    with postgres.database(template) as dsn:
        yield dsn


async def plan(connection: asyncpg.Connection, query: Query) -> list[dict[str, Any]]:
    """All nodes of the statement's generic plan."""
    await connection.execute(f"PREPARE wanted AS {query.sql}")
    values = f"({', '.join(['NULL'] * len(query.parameters))})" if query.parameters else ""
    explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE wanted {values}")
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


async def test_every_index_serves_a_statement(connection: asyncpg.Connection) -> None:
    used = {name for query in STATEMENTS.values() for name in indexes(await plan(connection, query))}
    rows = await connection.fetch(
        """
        SELECT indexrelid::REGCLASS::TEXT
        FROM pg_index
        WHERE indrelid::REGCLASS::TEXT LIKE 'pipeline%'
        """
    )
    small = {"pipeline_type_pk", "pipeline_type_name_unique"}  # few rows: any way is fast
    conflicts = {"pipeline_execution_external_unique"}
    assert {row[0] for row in rows} - used - small - conflicts == set()
