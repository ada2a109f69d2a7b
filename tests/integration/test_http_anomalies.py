"""Anomalies over HTTP: rules, verdicts soon after the end, flags, and taking them back."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.conftest import Serve
from tests.integration.test_http_checks import awaited
from tests.integration.wire import NOBODY, Json, Wire, answer, problem

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
RULE = "/anomaly_detection_rule"
RESULT = "/anomaly_detection_result"


def run(pipeline_id: int, days: int, **counts: object) -> Json:
    start = NOW + timedelta(days=days)
    return {
        "pipeline_id": pipeline_id,
        "start_date": start.isoformat(),
        "end_date": (start + timedelta(minutes=5)).isoformat(),
        "completed_successfully": True,
    } | counts


def ran(wire: Wire, pipeline_id: int, days: int, **counts: object) -> int:
    """The id of a run that began so many days after, and has ended."""
    whole = run(pipeline_id, days)
    identity = wire.start(pipeline_id, start_date=whole["start_date"])
    assert wire.end(identity, end_date=whole["end_date"], **counts).status_code == 204
    return identity


def watched(wire: Wire, name: str = "orders") -> int:
    """The id of a pipeline with 30 daily runs of about a thousand rows, and from then on a rule."""
    pipeline_id = wire.pipeline(name)
    runs = [run(pipeline_id, -day, total_rows=1_000 + day % 5) for day in range(30, 0, -1)]
    answer(wire.post("/pipeline_execution/bulk", {"executions": runs}), 200)
    declare(wire, pipeline_id)
    return pipeline_id


def declare(wire: Wire, pipeline_id: int, status: int = 201, **fields: object) -> int:
    body = {"pipeline_id": pipeline_id, "metric_field": "total_rows"} | fields
    return int(answer(wire.post(RULE, body), status)["id"])


def test_a_rule_is_got_or_created_changed_and_listed(wire: Wire) -> None:
    pipeline_id = wire.pipeline()
    rule = declare(wire, pipeline_id)
    assert declare(wire, pipeline_id, 200) == rule
    found = wire.get(f"{RULE}/{rule}")
    assert found.items() >= {
        "id": rule, "pipeline_id": pipeline_id, "metric_field": "total_rows", "z_threshold": 3.0,
        "lookback_days": 30, "minimum_executions": 30, "active": True, "updated_at": None,
    }.items()  # fmt: skip
    changed = answer(wire.patch(RULE, {"id": rule, "z_threshold": 4, "active": False}), 200)
    assert (changed["z_threshold"], changed["active"], changed["lookback_days"]) == (4.0, False, 30)
    other = declare(wire, pipeline_id, metric_field="throughput", z_threshold=2.5, minimum_executions=5)
    assert [each["id"] for each in wire.get(RULE)] == [rule, other]
    assert [each["id"] for each in wire.get(RULE, pipeline_id=pipeline_id, after=rule)] == [other]
    assert wire.get(RULE, pipeline_id=NOBODY) == []
    response = wire.client.get(RULE, params={"limit": 1, "pipeline_id": pipeline_id})
    assert [each["id"] for each in answer(response, 200)] == [rule]
    response = wire.client.get(response.links["next"]["url"])
    assert [each["id"] for each in answer(response, 200)] == [other]


@pytest.mark.parametrize(
    "fields",
    [
        {"z_threshold": 0}, {"z_threshold": -1}, {"z_threshold": 10.01}, {"z_threshold": "3"}, {"z_threshold": True},
        {"lookback_days": 0}, {"lookback_days": 366}, {"lookback_days": 1.5},
        {"minimum_executions": 4}, {"minimum_executions": 1_001}, {"minimum_executions": 10**30},
        {"active": None}, {"z_threshold": None}, {"active": 1}, {"else": 1},
    ],
)  # fmt: skip
def test_what_is_beyond_the_bounds_is_refused(wire: Wire, fields: Json) -> None:
    pipeline_id = wire.pipeline()
    rule = declare(wire, pipeline_id)
    before = wire.get(RULE)
    problem(wire.post(RULE, {"pipeline_id": pipeline_id, "metric_field": "inserts"} | fields), 422)
    problem(wire.patch(RULE, {"id": rule} | fields), 422)
    assert wire.get(RULE) == before


def test_the_bounds_themselves_are_allowed(wire: Wire) -> None:
    pipeline_id = wire.pipeline()
    least = {"z_threshold": 0.0001, "lookback_days": 1, "minimum_executions": 5}
    most = {"z_threshold": 10, "lookback_days": 365, "minimum_executions": 1_000, "active": False}
    for metric, fields in (("inserts", least), ("updates", most)):
        answer(wire.post(RULE, {"pipeline_id": pipeline_id, "metric_field": metric} | fields), 201)
    assert [found | most == found for found in wire.get(RULE)] == [False, True]


def test_what_is_not_there_is_said_to_be_so(wire: Wire) -> None:
    body = {"pipeline_id": NOBODY, "metric_field": "inserts"}
    problem(wire.post(RULE, body), 404, "pipeline-not-found")
    problem(wire.client.get(f"{RULE}/{NOBODY}"), 404, "anomaly-rule-not-found")
    problem(wire.patch(RULE, {"id": NOBODY, "active": True}), 404, "anomaly-rule-not-found")
    problem(wire.patch(RULE, {"active": True}), 422, "invalid-request")
    problem(wire.post(RULE, {"pipeline_id": wire.pipeline(), "metric_field": "rows"}), 422)
    problem(wire.patch(RULE, {"id": 1, "metric_field": "inserts"}), 422)


def test_a_run_is_judged_soon_after_its_end(wire: Wire) -> None:
    pipeline_id = watched(wire)
    good = ran(wire, pipeline_id, 0, total_rows=1_002)
    empty = ran(wire, pipeline_id, 1, total_rows=0)
    second, first = awaited(lambda: wire.get(RESULT), 2)
    assert second.keys() == {
        "id", "pipeline_execution_id", "rule_id", "pipeline_id", "metric_field", "start_date", "standing", "value",
        "expected", "low", "high", "score", "bucket", "history_size", "missing", "sentence", "judged_at",
        "unflagged_at",
    }  # fmt: skip
    assert (first["pipeline_execution_id"], first["standing"], first["value"]) == (good, "normal", 1_002)
    assert (second["pipeline_execution_id"], second["standing"], second["score"] < -3) == (
        empty, "anomalous", True,
    )  # fmt: skip
    assert first["low"] < 1_002 < first["high"]
    assert wire.execution(empty)["anomaly_flags"] == {"total_rows": True}
    flags = {row["id"]: row["anomaly_flags"] for row in wire.get("/pipeline_execution", limit=3)}
    assert (flags[good], flags[empty], None in flags.values()) == (
        {"total_rows": False}, {"total_rows": True}, True,
    )  # fmt: skip
    assert [row["id"] for row in wire.get(RESULT, flagged="true", pipeline_id=pipeline_id)] == [second["id"]]
    assert [row["id"] for row in wire.get(RESULT, pipeline_execution_id=good)] == [first["id"]]
    (incident,) = wire.get("/anomaly_incident", open="true", pipeline_id=pipeline_id)
    assert (incident["first_execution_id"], incident["runs"], incident["ended_at"]) == (empty, 1, None)
    assert incident["sentence"] == second["sentence"]


def test_runs_in_bulk_are_judged_too_and_learning_is_visible(wire: Wire) -> None:
    pipeline_id = wire.pipeline()
    declare(wire, pipeline_id, minimum_executions=5)
    largest = 2**63 - 1
    runs = [run(pipeline_id, day, total_rows=largest) for day in range(6)]
    answer(wire.post("/pipeline_execution/bulk", {"executions": runs}), 200)
    rows = awaited(lambda: wire.get(RESULT), 6)[::-1]
    assert [row["standing"] for row in rows] == ["learning"] * 5 + ["normal"]
    assert [row["missing"] for row in rows] == [5, 4, 3, 2, 1, 0]
    assert rows[0]["sentence"] == "Learning: 5 more successful runs until the first verdict."
    assert {row["value"] for row in rows} == {largest}


def test_a_flag_is_taken_back(wire: Wire) -> None:
    pipeline_id = watched(wire)
    empty = ran(wire, pipeline_id, 0, total_rows=0)
    awaited(lambda: wire.get(RESULT, flagged="true"), 1)
    body = {"pipeline_id": pipeline_id, "pipeline_execution_id": empty, "metric_field": ["total_rows"]}
    response = wire.post("/unflag_anomaly", body)
    assert (response.status_code, response.content) == (204, b"")
    assert wire.execution(empty)["anomaly_flags"] == {"total_rows": False}
    assert wire.get(RESULT, flagged="true") == []
    (incident,) = wire.get("/anomaly_incident", open="false")
    assert (incident["runs"], incident["ending"]) == (0, "unflagged")
    problem(wire.post("/unflag_anomaly", body), 404, "anomaly-not-flagged")
    problem(wire.post("/unflag_anomaly", body | {"pipeline_execution_id": NOBODY}), 404)


@pytest.mark.parametrize("metrics", [[], ["rows"], "total_rows", None, [None], ["total_rows"] * 101])
def test_a_flag_of_nothing_is_refused(wire: Wire, metrics: object) -> None:
    body = {"pipeline_id": 1, "pipeline_execution_id": 1, "metric_field": metrics}
    problem(wire.post("/unflag_anomaly", body), 422, "invalid-request")


@pytest.mark.parametrize("path", [RULE, RESULT, "/anomaly_incident"])
@pytest.mark.parametrize("query", ["pipeline_id=x", "limit=0", "after=-9223372036854775809"])
def test_a_bad_question_is_refused(wire: Wire, path: str, query: str) -> None:
    found = problem(wire.client.get(f"{path}?{query}"), 422, "invalid-request")
    assert found["errors"][0]["loc"] == ["query", query.partition("=")[0]]


def test_what_a_killed_server_left_unjudged_is_found_again(serve: Serve, fresh_database: str) -> None:
    with serve(fresh_database, workers="1") as program, program.client() as client:
        wire = Wire(client, fresh_database)
        pipeline_id = watched(wire)
        ran(wire, pipeline_id, 0, total_rows=0)
        program.destroy()
    metrics = "duration_seconds, inserts"
    again = serve(fresh_database, workers="2", auto_anomaly_rules=metrics)
    with again as program, program.client() as client:
        wire = Wire(client, fresh_database)
        awaited(lambda: wire.get(RESULT), 1)
        other = wire.pipeline("new")
        rules = wire.get(RULE, pipeline_id=other)
        assert [rule["metric_field"] for rule in rules] == ["duration_seconds", "inserts"]
