"""Checks, the daily report and cleaning up read what they need and no more."""

import asyncpg
import pytest

from tests.integration.plans import DAILY_REPORT, check_plan, indexes, plan, report_plan, scanned
from watcher.adapters.postgres.queries import load

STALE_SPELLS = load("stale_spells")
LATE_RUNS = load("late_runs")
RETENTION = load("retention")
ALERTS = load("alerts")
COLLECTING = load("alert_collecting")
DELIVERIES = load("deliveries")


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
    assert "pipeline" not in scanned(found)
    assert {"pipeline_pk", "timeliness_pipeline_execution_log_execution_unique"} <= indexes(found)


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
        ("delete_anomaly_results", {"anomaly_detection_result_execution_unique", "anomaly_pending_pk"}),
        ("delete_anomaly_incidents", {"anomaly_incident_by_last_execution", "anomaly_incident_pk"}),
        (
            "delete_freshness_pipeline_logs",
            {"freshness_pipeline_log_ended", "freshness_pipeline_log_pk", "alert_spell_unique"},
        ),
        ("delete_queue_spells", {"queue_spell_over", "queue_spell_pk", "alert_spell_unique"}),
        ("delete_error_spells", {"error_spell_over", "error_spell_pk", "alert_spell_unique"}),
        ("delete_api_keys", {"api_key_over", "api_key_pk"}),
    ],
)
async def test_what_is_old_is_found_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, RETENTION[name])
    assert scanned(found) == set()
    assert indexes(found) == used


@pytest.mark.parametrize("statement", sorted({**ALERTS, **COLLECTING}.keys() - {"hold"}))
async def test_alerts_are_collected_and_told_by_index(connection: asyncpg.Connection, statement: str) -> None:
    found = await plan(connection, {**ALERTS, **COLLECTING}[statement])
    assert scanned(found) == set()


@pytest.mark.parametrize(
    ("statement", "used"),
    [
        ("collect_freshness", {"freshness_pipeline_log_open_unique", "freshness_pipeline_log_ended"}),
        (
            "collect_timeliness",
            {"timeliness_pipeline_execution_log_open", "timeliness_pipeline_execution_log_over"},
        ),
        ("collect_anomaly", {"anomaly_incident_open_unique", "anomaly_incident_over", "anomaly_incident_pk"}),
        ("collect_errors", {"error_spell_open_unique", "error_spell_over", "error_spell_pk"}),
        ("collect_queue", {"queue_spell_open_unique", "queue_spell_over", "queue_spell_pk"}),
    ],
)
async def test_collecting_reads_of_a_log_what_lasts_and_what_is_recent(
    connection: asyncpg.Connection, statement: str, used: set[str]
) -> None:
    assert used <= indexes(await plan(connection, COLLECTING[statement]))


@pytest.mark.parametrize(
    ("statement", "used"),
    [
        ("claim", {"alert_delivery_due", "alert_message_pk", "alert_delivery_pk"}),
        ("record_delivered", {"alert_delivery_pk"}),
        ("record_failed", {"alert_delivery_pk"}),
        ("page", {"alert_delivery_pk", "alert_message_pk"}),
    ],
)
async def test_deliveries_are_found_by_index(
    connection: asyncpg.Connection, statement: str, used: set[str]
) -> None:
    found = await plan(connection, DELIVERIES[statement])
    assert (scanned(found), indexes(found)) == (set(), used)
