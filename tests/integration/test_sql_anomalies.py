"""Judging reads what it needs by index, in bounded pieces, however much there is."""

import asyncpg
import pytest

from tests.integration.plans import indexes, ordered_plan, plan, scanned
from watcher.adapters.postgres.queries import load

INCIDENTS = load("anomaly_incidents")
JUDGING = load("anomaly_judging")
RESULTS = load("anomaly_results")
RULES = load("anomaly_rules")


async def test_a_sample_is_read_off_the_index_of_the_pipeline_in_order_and_bounded(
    connection: asyncpg.Connection,
) -> None:
    found = await ordered_plan(connection, JUDGING["sample"])
    reads = [node for node in found if node.get("Relation Name") == "pipeline_execution"]
    assert [(node["Node Type"], node["Index Name"]) for node in reads] == [
        ("Index Scan", "pipeline_execution_by_pipeline")
    ] * 2
    assert all("start_date <" in node["Index Cond"] for node in reads)
    assert [node["Node Type"] for node in found].count("Limit") == 4
    assert {node["Node Type"] for node in found} & {"Bitmap Heap Scan", "Seq Scan"} == set()
    assert len([node for node in found if node["Node Type"] == "Sort"]) <= 1


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("claim", {"anomaly_pending_pk", "anomaly_detection_rule_pk", "anomaly_detection_rule_by_pipeline"}),
        ("taken", {"anomaly_pending_pk", "pipeline_execution_pk", "pipeline_pk"}),
        ("rules", {"anomaly_detection_rule_pk"}),
        ("flagged", {"anomaly_detection_result_flagged_by_rule"}),
        ("write", {"anomaly_pending_pk", "anomaly_detection_rule_pk"}),
    ],
)
async def test_judging_finds_its_rows_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await ordered_plan(connection, JUDGING[name])
    assert scanned(found) == set()
    assert indexes(found) == used


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("inactive", {"anomaly_incident_open_unique", "anomaly_incident_pk", "pipeline_pk"}),
        ("lasting", {"anomaly_incident_open_unique", "anomaly_incident_pk"}),
        (
            "around",
            {
                "pipeline_execution_by_pipeline",
                "anomaly_detection_result_execution_unique",
                "anomaly_detection_result_flagged_by_rule",
            },
        ),
        ("change_incidents", {"anomaly_incident_pk"}),
        ("open_incidents", set()),
    ],
)
async def test_incidents_are_found_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await ordered_plan(connection, INCIDENTS[name])
    assert scanned(found) == set()
    assert indexes(found) == used
    assert "Sort" not in {node["Node Type"] for node in found} or name in {"inactive", "open_incidents"}


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("hold_pipeline", "anomaly_detection_rule_by_pipeline"),
        ("shrink", "anomaly_incident_pk"),
        ("page_of_all", "anomaly_detection_result_pk"),
        ("page_of_pipeline", "anomaly_detection_result_by_pipeline"),
        ("page_of_execution", "anomaly_detection_result_execution_unique"),
        ("page_of_flagged", "anomaly_detection_result_flagged"),
        ("page_of_flagged_in_pipeline", "anomaly_detection_result_flagged_by_pipeline"),
        ("incidents_of_all", "anomaly_incident_pk"),
        ("incidents_of_pipeline", "anomaly_incident_by_pipeline"),
    ],
)
async def test_verdicts_and_incidents_are_found_by_index(
    connection: asyncpg.Connection, name: str, used: str
) -> None:
    found = await plan(connection, RESULTS[name])
    assert scanned(found) == set()
    assert indexes(found) == {used}


async def test_flags_are_found_by_the_run_and_its_rules(connection: asyncpg.Connection) -> None:
    found = await plan(connection, RESULTS["unflag"])
    assert scanned(found) == set()
    assert indexes(found) == {
        "anomaly_detection_result_execution_unique",
        "anomaly_detection_rule_by_pipeline",
    }


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("declared", "anomaly_detection_rule_metric_unique"),
        ("hold", "anomaly_detection_rule_by_pipeline"),
        ("change", "anomaly_detection_rule_pk"),
        ("deactivated", "anomaly_incident_open_unique"),
        ("get", "anomaly_detection_rule_pk"),
        ("page", "anomaly_detection_rule_pk"),
        ("page_of_pipeline", "anomaly_detection_rule_by_pipeline"),
    ],
)
async def test_rules_are_found_by_index(connection: asyncpg.Connection, name: str, used: str) -> None:
    found = await plan(connection, RULES[name])
    assert scanned(found) == set()
    assert indexes(found) == {used}
