"""Every statement fits the schema, and the frequent ones find their rows by an index however many there are."""

from pathlib import Path

import asyncpg
import pytest

import watcher.adapters.postgres
from tests.integration.plans import ADDRESSES, check_plan, indexes, plan, report_plan, scanned, search_plan
from watcher.adapters.postgres.queries import Query, load

FILES = sorted(Path(watcher.adapters.postgres.__file__).parent.glob("sql/*.sql"))
STATEMENTS = {f"{file.stem}.{name}": query for file in FILES for name, query in load(file.stem).items()}
EXECUTIONS = load("executions")
PIPELINES = load("pipelines")
LATE_RUNS = load("late_runs")


@pytest.mark.parametrize("query", STATEMENTS.values(), ids=STATEMENTS)
async def test_every_statement_fits_the_schema(connection: asyncpg.Connection, query: Query) -> None:
    statement = await connection.prepare(query.sql)
    assert len(statement.get_parameters()) == len(query.parameters)


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("start_roots", {"pipeline_pk"}),
        ("start", {"pipeline_execution_pk", "pipeline_pk", "pipeline_execution_closure_by_descendant"}),
        ("end", {"pipeline_execution_pk", "pipeline_pk", "anomaly_detection_rule_active"}),
        (
            "record",
            {
                "pipeline_execution_pk",
                "pipeline_pk",
                "pipeline_execution_closure_by_descendant",
                "anomaly_detection_rule_active",
            },
        ),
        ("refusals", {"pipeline_execution_pk", "pipeline_pk", "pipeline_execution_external_unique"}),
        ("by_ids", {"pipeline_execution_pk"}),
        (
            "tree",
            {
                "pipeline_execution_pk",
                "pipeline_execution_closure_pk",
                "anomaly_detection_result_execution_unique",
            },
        ),
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
    flags = "anomaly_detection_result_execution_unique"
    assert indexes(found) == {used, flags}
    page = [node["Node Type"] for node in found if node.get("Relation Name") != "anomaly_detection_result"]
    assert page == ["Limit", "Index Scan", "Aggregate"]
    assert scanned(found) == set()


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


async def test_every_index_serves_a_statement(connection: asyncpg.Connection) -> None:
    used = {name for query in STATEMENTS.values() for name in indexes(await plan(connection, query))}
    used |= indexes(await search_plan(connection, "few names have this"))
    used |= indexes(await report_plan(connection, pipeline_id="5"))
    used |= indexes(await check_plan(connection, LATE_RUNS["check"]))
    rows = await connection.fetch(
        """
        SELECT indexrelid::REGCLASS::TEXT
        FROM pg_index
        WHERE indrelid::REGCLASS::TEXT LIKE ANY(ARRAY['pipeline%', 'address%', 'lineage%', 'anomaly%'])
        """
    )
    types = ("pipeline_type", "address_type", "lineage_upkeep")  # few rows: any way is fast
    small = {f"{each}_{index}" for each in types for index in ("pk", "name_unique")}
    conflicts = {"pipeline_execution_external_unique"}
    names = {"address_lineage_pk"}  # what replication knows a row by
    assert {row[0] for row in rows} - used - small - conflicts - names == set()
