"""Checks over HTTP: set off, done after the answer, and what they found."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.conftest import Serve
from tests.integration.wire import NOBODY, Json, Wire, answer, problem

HOURLY: Json = {"freshness_number": 1, "freshness_datepart": "hour"}
TIMELY: Json = {"timeliness_number": 30, "timeliness_datepart": "minute"}
LOGS = ["/freshness_log", "/timeliness_log"]
PATIENCE = 20.0


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def awaited(log: Callable[[], list[Json]], count: int) -> list[Json]:
    """The log once it has so many rows."""
    deadline = time.monotonic() + PATIENCE
    while len(found := log()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(found) == count
    return found


def stale(wire: Wire, name: str = "orders", **fields: object) -> int:
    """The id of a pipeline that last wrote two hours ago."""
    identity = wire.pipeline(name, **HOURLY, **fields)
    answer(wire.patch("/pipeline", {"id": identity, "last_target_insert": ago(hours=2)}), 200)
    return identity


def check_freshness(wire: Wire) -> None:
    assert answer(wire.client.post("/freshness"), 200) == {"status": "queued"}


def check_timeliness(wire: Wire, **body: object) -> None:
    assert answer(wire.post("/timeliness", body), 200) == {"status": "queued"}


def test_a_check_of_freshness_finds_what_is_stale(wire: Wire) -> None:
    identity = stale(wire)
    wire.pipeline("fresh", **HOURLY)
    check_freshness(wire)
    (spell,) = awaited(lambda: wire.get("/freshness_log"), 1)
    assert spell.keys() == {
        "id", "pipeline_id", "pipeline_name", "detected_at", "last_change", "due_at", "threshold_number",
        "threshold_datepart", "threshold_own", "ended_at", "ending",
    }  # fmt: skip
    facts = {"pipeline_id": identity, "pipeline_name": "orders", "threshold_number": 1, "threshold_own": True}
    assert spell.items() >= (facts | {"threshold_datepart": "hour", "ended_at": None, "ending": None}).items()
    assert spell["last_change"] < spell["due_at"] < spell["detected_at"]
    assert spell["due_at"].endswith("Z")


def test_a_spell_is_over_when_the_pipeline_has_written(wire: Wire) -> None:
    identity = stale(wire)
    check_freshness(wire)
    awaited(lambda: wire.get("/freshness_log", open="true"), 1)
    run = wire.start(identity, start_date=ago(minutes=2))
    wire.end(run, end_date=ago(minutes=1), inserts=1)
    check_freshness(wire)
    (spell,) = awaited(lambda: wire.get("/freshness_log", open="false"), 1)
    assert spell["ending"] == "recovered"
    assert spell["ended_at"] > spell["detected_at"]
    assert wire.get("/freshness_log", open="true") == []


def test_a_check_of_timeliness_finds_what_is_late(wire: Wire) -> None:
    pipeline = wire.pipeline(**TIMELY)
    running = wire.start(pipeline, start_date=ago(days=400))
    over = wire.start(pipeline, start_date=ago(minutes=50))
    wire.start(pipeline, start_date=ago(minutes=1))
    wire.end(over, end_date=ago(minutes=10), completed_successfully=False)
    check_timeliness(wire)
    second, first = awaited(lambda: wire.get("/timeliness_log"), 2)
    assert first.keys() == {
        "id", "pipeline_execution_id", "pipeline_id", "pipeline_name", "start_date", "due_at", "detected_at",
        "threshold_number", "threshold_datepart", "threshold_own", "end_date", "completed_successfully",
    }  # fmt: skip
    assert (first["pipeline_execution_id"], first["end_date"]) == (running, None)
    assert (second["pipeline_execution_id"], second["completed_successfully"]) == (over, False)
    assert [row["id"] for row in wire.get("/timeliness_log", open="true")] == [first["id"]]
    wire.end(running, end_date=ago(minutes=0))
    check_timeliness(wire, lookback_minutes=5)
    awaited(lambda: wire.get("/timeliness_log", open="false"), 2)


def test_the_lookback_reaches_the_check(wire: Wire) -> None:
    run = wire.start(wire.pipeline(**TIMELY), start_date=ago(hours=5))
    wire.end(run, end_date=ago(hours=3))
    check_timeliness(wire, lookback_minutes=120)
    check_timeliness(wire, lookback_minutes=300)
    (late,) = awaited(lambda: wire.get("/timeliness_log"), 1)
    assert late["pipeline_execution_id"] == run


@pytest.mark.parametrize(
    "body",
    [
        {"lookback_minutes": 4}, {"lookback_minutes": -1}, {"lookback_minutes": 2**31},
        {"lookback_minutes": 10**30}, {"lookback_minutes": "60"}, {"lookback_minutes": None},
        {"lookback_minutes": 5.5}, {"lookback_minutes": True}, {"lookback": 60}, [], None,
    ],
)  # fmt: skip
def test_a_bad_lookback_is_refused(wire: Wire, body: object) -> None:
    problem(wire.post("/timeliness", body), 422, "invalid-request")


@pytest.mark.parametrize("log", LOGS)
def test_a_log_is_read_in_pages_and_by_pipeline(wire: Wire, log: str) -> None:
    pipelines = [stale(wire, f"pipeline {number}", **TIMELY) for number in range(3)]
    for each in pipelines:
        wire.start(each, start_date=ago(hours=1))
    check_freshness(wire)
    check_timeliness(wire)
    rows = awaited(lambda: wire.get(log), 3)
    assert [row["id"] for row in rows] == [3, 2, 1]
    assert [row["pipeline_id"] for row in rows] == pipelines[::-1]
    assert [row["id"] for row in wire.get(log, pipeline_id=pipelines[1])] == [2]
    assert wire.get(log, pipeline_id=NOBODY) == []
    response = wire.client.get(log, params={"limit": 2, "open": "true"})
    assert [row["id"] for row in answer(response, 200)] == [3, 2]
    response = wire.client.get(response.links["next"]["url"])
    assert [row["id"] for row in answer(response, 200)] == [1]
    assert "next" not in response.links


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("query", ["open=perhaps", "pipeline_id=x", "limit=0", "after=-9223372036854775809"])
def test_a_bad_question_about_a_log_is_refused(wire: Wire, log: str, query: str) -> None:
    found = problem(wire.client.get(f"{log}?{query}"), 422, "invalid-request")
    assert found["errors"][0]["loc"] == ["query", query.partition("=")[0]]


def test_checks_run_by_themselves(serve: Serve, fresh_database: str) -> None:
    with serve(fresh_database, workers="1") as program, program.client() as client:
        stale(Wire(client, fresh_database))
    with serve(fresh_database, workers="2") as program, program.client() as client:
        wire = Wire(client, fresh_database)
        awaited(lambda: wire.get("/freshness_log"), 1)
