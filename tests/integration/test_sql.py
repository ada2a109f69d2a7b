"""Every statement fits the schema, and the frequent ones find their rows by an index however many there are."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
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
PIPELINES = load("pipelines")
ADDRESSES = load("addresses")
STALE_SPELLS = load("stale_spells")
LATE_RUNS = load("late_runs")
DAILY_REPORT = load("daily_report")
RETENTION = load("retention")

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

INSERT INTO address_type (name, name_key, group_name, group_key, declaration, created_at)
SELECT n, sha256(n::TEXT::BYTEA), n % 3, sha256((n % 3)::TEXT::BYTEA), '', '2026-01-01'
FROM generate_series(1, 20) AS n;

INSERT INTO address (name, name_key, name_folded, declaration, address_type_id, created_at)
SELECT name, sha256(name::BYTEA), name, '', t.first + n % 20, '2026-01-01'
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT min(id) AS first FROM address_type) AS t,
    LATERAL (SELECT 'warehouse.' || md5(n::TEXT) AS name) AS named;

INSERT INTO pipeline_day (
    pipeline_id, day, executions, running, failures, inserts, updates, soft_deletes, total_rows, duration, timed_rows,
    timed_duration
)
SELECT pipeline_id, (start_date AT TIME ZONE 'UTC')::DATE AS day, count(*), count(*) - count(end_date), 0, 0, 0, 0, 0,
    0, 0, 0
FROM pipeline_execution
GROUP BY pipeline_id, day;

UPDATE report_upkeep SET known_to = 49990;

UPDATE pipeline
SET freshness_number = 1, freshness_datepart = 'day', timeliness_number = 3, timeliness_datepart = 'minute';

INSERT INTO freshness_pipeline_log (
    pipeline_id, detected_at, due_at, threshold_number, threshold_datepart, threshold_own, ended_at, ending
)
SELECT p.first + n % 5000, t.detected_at, t.detected_at, 1, 'day', TRUE,
    CASE WHEN n <= 19800 THEN t.detected_at END, CASE WHEN n <= 19800 THEN 'recovered' END
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT min(id) AS first FROM pipeline) AS p,
    LATERAL (SELECT '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 minute' AS detected_at) AS t;

INSERT INTO timeliness_pipeline_execution_log (
    pipeline_execution_id, pipeline_id, start_date, due_at, detected_at, end_date, completed_successfully,
    threshold_number, threshold_datepart, threshold_own
)
SELECT id, pipeline_id, start_date, start_date, start_date, end_date, completed_successfully, 3, 'minute', TRUE
FROM pipeline_execution
WHERE id < 20000;

SELECT gin_clean_pending_list('address_by_part_of_name');

ANALYZE;
"""


@pytest.fixture(scope="module")
async def connection(large: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as Watcher has them, to a database with 50,000 executions of 5,000 pipelines, and 20,000 addresses."""
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
    return await _explained(connection, query, ["NULL"] * len(query.parameters))


async def search_plan(connection: asyncpg.Connection, part: str, limit: int = 100) -> list[dict[str, Any]]:
    """All nodes of the plan for this part of a name, which is how it is planned when it is searched for."""
    given = {"pattern": f"'%{part}%'", "after": "0", "limit": str(limit)}
    page = ADDRESSES["page"]
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await _explained(connection, page, [given.get(name, "NULL") for name in page.parameters])


async def check_plan(connection: asyncpg.Connection, query: Query, minutes: int = 60) -> list[dict[str, Any]]:
    """All nodes of the plan of a check that looks back so many minutes, which is how it is planned when it runs."""
    last = await connection.fetchval("SELECT max(end_date) FROM pipeline_execution")
    given = {"now": f"'{last}'", "since": f"'{last - timedelta(minutes=minutes)}'"}
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await _explained(connection, query, [given[name] for name in query.parameters])


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


async def test_a_check_of_freshness_reads_every_pipeline_once(connection: asyncpg.Connection) -> None:
    found = await check_plan(connection, STALE_SPELLS["check"])
    reads = [node for node in found if node.get("Relation Name") == "pipeline"]
    assert [node["Node Type"] for node in reads].count("Seq Scan") == 1
    assert {node["Index Name"] for node in reads if node["Node Type"] != "Seq Scan"} == {"pipeline_pk"}


async def test_a_check_of_timeliness_reads_only_what_can_be_late(connection: asyncpg.Connection) -> None:
    found = await check_plan(connection, LATE_RUNS["check"])
    executions = {
        node["Index Name"]: node["Node Type"]
        for node in found
        if node.get("Relation Name") == "pipeline_execution" and "Index Name" in node
    }
    assert "pipeline_execution" not in scanned(found)
    assert executions.keys() == {
        "pipeline_execution_pk", "pipeline_execution_running", "pipeline_execution_long"
    }  # fmt: skip
    assert "timeliness_pipeline_execution_log_open" in indexes(found)


@pytest.mark.parametrize("log", ["stale_spells", "late_runs"])
@pytest.mark.parametrize(
    ("name", "used"),
    [("page_of_all", "_pk"), ("page_of_pipeline", "_by_pipeline"), ("page_of_open", "_open")],
)
async def test_a_page_of_a_log_is_read_off_an_index(
    connection: asyncpg.Connection, log: str, name: str, used: str
) -> None:
    found = await plan(connection, load(log)[name])
    assert scanned(found) == set()
    assert [index for index in indexes(found) if index.removesuffix("_unique").endswith(f"_log{used}")]


async def report_plan(connection: asyncpg.Connection, **given: str) -> list[dict[str, Any]]:
    """All nodes of the plan for a page of the daily report, which is planned for what is asked."""
    asked = {"known_to": "49990", "day_from": "0", "day_to": "3652058", "limit": "100"}
    asked |= {"after_day": "3652059", "after_pipeline": "0"} | given
    page = DAILY_REPORT["page"]
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await _explained(connection, page, [asked.get(name, "NULL") for name in page.parameters])


async def test_the_daily_report_reads_kept_days_in_order_and_only_the_runs_of_others(
    connection: asyncpg.Connection,
) -> None:
    found = await report_plan(connection)
    runs = {"pipeline_execution_pk", "pipeline_execution_by_pipeline"}
    assert indexes(found) - {"pipeline_pk", "pipeline_type_pk", "pipeline_day_pk"} == {
        "pipeline_day_by_day",
        *runs,
    }
    assert scanned(found) <= {"pipeline", "pipeline_type"}


async def test_the_daily_report_of_a_pipeline_reads_only_its_own_days(connection: asyncpg.Connection) -> None:
    found = await report_plan(connection, pipeline_id="5")
    conditions = [node["Index Cond"] for node in found if node.get("Index Name") == "pipeline_day_pk"]
    assert any("pipeline_id = '5'" in condition for condition in conditions)
    assert scanned(found) <= {"pipeline", "pipeline_type"}


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("begun", {"pipeline_execution_pk"}),
        ("ended", {"pipeline_day_running", "pipeline_execution_running"}),
        ("keep", {"pipeline_execution_by_pipeline"}),
    ],
)
async def test_refreshing_the_daily_report_reads_what_changed(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, DAILY_REPORT[name])
    assert scanned(found) == set()
    assert indexes(found) == used


@pytest.mark.parametrize(
    ("name", "used"),
    [
        (
            "old_trees",
            {"pipeline_execution_by_start", "pipeline_execution_closure_pk", "pipeline_execution_pk"},
        ),
        ("hold", {"pipeline_execution_closure_pk", "pipeline_execution_pk"}),
        ("sizes", {"pipeline_execution_closure_pk"}),
        ("delete_pairs", {"pipeline_execution_closure_pk"}),
        ("delete_executions", {"pipeline_execution_pk"}),
        ("delete_timeliness_logs", {"timeliness_pipeline_execution_log_execution_unique"}),
    ],
)
async def test_what_is_old_is_found_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, RETENTION[name])
    assert scanned(found) == set()
    assert indexes(found) == used


async def test_every_index_serves_a_statement(connection: asyncpg.Connection) -> None:
    used = {name for query in STATEMENTS.values() for name in indexes(await plan(connection, query))}
    used |= indexes(await search_plan(connection, "few names have this"))
    used |= indexes(await report_plan(connection, pipeline_id="5"))
    used |= indexes(await check_plan(connection, LATE_RUNS["check"]))
    rows = await connection.fetch(
        """
        SELECT indexrelid::REGCLASS::TEXT
        FROM pg_index
        WHERE indrelid::REGCLASS::TEXT LIKE ANY(ARRAY['pipeline%', 'address%'])
        """
    )
    types = ("pipeline_type", "address_type")  # few rows: any way is fast
    small = {f"{each}_{index}" for each in types for index in ("pk", "name_unique")}
    conflicts = {"pipeline_execution_external_unique"}
    assert {row[0] for row in rows} - used - small - conflicts == set()
