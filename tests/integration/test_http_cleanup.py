"""Cleaning up, over HTTP and on the command line."""

import asyncio
import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.integration.wire import Json, Wire, answer, problem
from tests.server import execute, fetch

CLEAN = {
    "total_pipeline_executions_deleted": 0,
    "total_timeliness_pipeline_execution_logs_deleted": 0,
    "total_anomaly_detection_results_deleted": 0,
    "total_pipeline_execution_closure_parent_deleted": 0,
    "total_pipeline_execution_closure_child_deleted": 0,
    "total_freshness_pipeline_logs_deleted": 0,
    "total_alerts_deleted": 0,
    "total_alert_messages_deleted": 0,
    "total_queue_spells_deleted": 0,
    "total_error_spells_deleted": 0,
    "total_api_keys_deleted": 0,
}
LOGS = (
    """
    INSERT INTO timeliness_pipeline_execution_log (
        pipeline_execution_id, pipeline_id, start_date, due_at, detected_at, end_date, threshold_number,
        threshold_datepart, threshold_own, completed_successfully
    )
    SELECT id, pipeline_id, start_date, start_date, start_date, end_date, 1, 'minute', TRUE, completed_successfully
    FROM pipeline_execution
    """,
    """
    INSERT INTO freshness_pipeline_log (
        pipeline_id, detected_at, due_at, ended_at, ending, threshold_number, threshold_datepart, threshold_own
    )
    SELECT p.id, '2020-01-01', '2020-01-01', e.ended_at, e.ending, 1, 'day', TRUE
    FROM pipeline AS p,
        (VALUES ('2020-01-02'::TIMESTAMPTZ, 'recovered'), (now(), 'muted'), (NULL, NULL)) AS e (ended_at, ending)
    """,
)


def old_runs(wire: Wire) -> int:
    """A tree of three old runs and one that started long ago and runs; the id of the pipeline."""
    pipeline_id = wire.pipeline()
    root = wire.start(pipeline_id, start_date="2020-01-01T00:00:00Z")
    tree = [root, *(wire.start(pipeline_id, start_date="2020-01-01T00:00:00Z", parent_id=root) for _ in "ab")]
    for each in tree:
        assert wire.end(each, end_date="2020-01-01T01:00:00Z").status_code == 204
    wire.start(pipeline_id, start_date="2020-01-01T00:00:00Z")
    return pipeline_id


def clean_up(wire: Wire, **fields: int) -> Json:
    found: Json = answer(wire.post("/log_cleanup", {"retention_days": 90} | fields), 200)
    return found


def test_the_counts_are_those_of_what_is_gone(wire: Wire) -> None:
    pipeline_id = old_runs(wire)
    asyncio.run(execute(wire.dsn, *LOGS))
    expected = {
        "total_pipeline_executions_deleted": 3,
        "total_timeliness_pipeline_execution_logs_deleted": 3,
        "total_pipeline_execution_closure_parent_deleted": 2,
        "total_freshness_pipeline_logs_deleted": 1,
    }
    assert clean_up(wire, batch_size=1) == CLEAN | expected
    assert [run["end_date"] for run in wire.get("/pipeline_execution")] == [None]
    assert [row["executions"] for row in wire.get("/report/daily_pipeline", pipeline_id=pipeline_id)] == [1]
    assert clean_up(wire) == CLEAN
    left = "SELECT count(*) FROM freshness_pipeline_log UNION ALL SELECT count(*) FROM timeliness_pipeline_execution_log"
    assert asyncio.run(fetch(wire.dsn, left)) == [(2,), (1,)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"retention_days": 89},
        {"retention_days": "90"},
        {"retention_days": 2**63},
        {"retention_days": 90, "batch_size": 0},
        {"retention_days": 90, "batch_size": 100_001},
        {"retention_days": 90, "batch_size": None},
        {"retention_days": 90, "dry_run": True},
    ],
)
def test_what_cannot_be_meant_is_refused(wire: Wire, body: Json) -> None:
    old_runs(wire)
    before = wire.fingerprint()
    problem(wire.post("/log_cleanup", body), 422)
    assert wire.fingerprint() == before


def test_the_longest_retention_keeps_everything(wire: Wire) -> None:
    old_runs(wire)
    assert clean_up(wire, retention_days=2**63 - 1) == CLEAN


def test_the_command_line_counts_first_and_then_deletes(wire: Wire) -> None:
    old_runs(wire)
    watcher = [str(Path(sys.executable).with_name("watcher")), "cleanup", "--database-url", wire.dsn]
    before = wire.fingerprint()
    dry = run([*watcher, "--retention-days", "90", "--dry-run"], capture_output=True, text=True, check=True)
    assert wire.fingerprint() == before
    assert "           3 pipeline executions\n" in dry.stdout
    assert "would be deleted" in dry.stderr
    real = run([*watcher, "--batch-size", "1"], capture_output=True, text=True, check=True)
    assert (real.stdout, "were deleted" in real.stderr) == (dry.stdout, True)
    assert len(wire.get("/pipeline_execution")) == 1
    short = run([*watcher, "--retention-days", "89"], capture_output=True, text=True, check=False)
    assert short.returncode == 2
