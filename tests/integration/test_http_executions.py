"""One execution over HTTP: it starts, it ends once, and its pipeline has come further."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.wire import END, NOBODY, START, Json, Wire, answer, problem

DEPTH = 400
EXECUTION_FIELDS = {
    "id", "parent_id", "pipeline_id", "start_date", "end_date", "duration_seconds",
    "completed_successfully", "inserts", "updates", "soft_deletes", "total_rows", "watermark",
    "next_watermark", "execution_metadata", "anomaly_flags", "throughput", "child_executions",
}  # fmt: skip
COUNTS: Json = {"inserts": 1, "updates": 2, "soft_deletes": 0, "total_rows": 90}


def test_a_start_is_created(wire: Wire) -> None:
    body = {"pipeline_id": wire.pipeline()}

    assert answer(wire.post("/start_pipeline_execution", body), 201) == {"id": 1}


@pytest.mark.parametrize("body", [{}, {"start_date": None}])
def test_without_a_date_a_run_starts_now(wire: Wire, body: Json) -> None:
    pipeline, before = wire.pipeline(), datetime.now(UTC)

    identity = answer(wire.post("/start_pipeline_execution", body | {"pipeline_id": pipeline}), 201)["id"]

    started = datetime.fromisoformat(wire.execution(identity)["start_date"])
    assert before - timedelta(seconds=1) <= started <= datetime.now(UTC) + timedelta(seconds=1)


def test_an_execution_has_the_fields_of_the_contract(wire: Wire) -> None:
    identity = wire.start(wire.pipeline())

    running = wire.execution(identity)

    assert running.keys() >= EXECUTION_FIELDS
    assert (running["start_date"], running["end_date"], running["child_executions"]) == (START, None, [])


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01 12:00:00", "2026-03-01T12:00:00Z"),
        ("2026-03-01t12:00z", "2026-03-01T12:00:00Z"),
        ("2026-03-01T14:00:00.123456+02:00", "2026-03-01T12:00:00.123456Z"),
        ("2026-03-01T00:30:00-1130", "2026-03-01T12:00:00Z"),
        ("0001-01-01T00:00:01Z", "0001-01-01T00:00:01Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    ],
)
def test_times_are_read_with_and_without_offset_and_answered_in_utc(
    wire: Wire, given: str, answered: str
) -> None:
    identity = wire.start(wire.pipeline(), start_date=given)

    assert wire.execution(identity)["start_date"] == answered


@pytest.mark.parametrize(
    "given",
    [
        "20200101", "1577836800", "2020", "2026-03-01", "12:00", "now", "", "2026-02-30T12:00:00Z",
        "2026-03-01T25:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-03-01T12:00:00+99:00",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", 1_577_836_800, 1.5, True, ["2026"],
        "2026-03-01T12:00:00Z\x00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(wire: Wire, given: object) -> None:
    pipeline = wire.pipeline()
    before = wire.fingerprint()

    found = problem(
        wire.post("/start_pipeline_execution", {"pipeline_id": pipeline, "start_date": given}), 422
    )

    assert found["errors"][0]["loc"][:2] == ["body", "start_date"]
    assert wire.fingerprint() == before


def test_an_end_computes_duration_and_throughput(wire: Wire) -> None:
    identity = wire.start(wire.pipeline(), start_date="2026-03-01T12:00:00Z")
    metadata = {"rows": [1, 2.5, None], "ß": "💧"}

    end = "2026-03-01T12:00:07.900000Z"
    ended = wire.end(identity, end_date=end, execution_metadata=metadata, **COUNTS)

    assert (ended.status_code, ended.content) == (204, b"")
    found = wire.execution(identity)
    assert found.items() >= (COUNTS | {"end_date": "2026-03-01T12:00:07.900000Z"}).items()
    assert (found["duration_seconds"], found["throughput"]) == (7, 11.3924)
    assert (found["completed_successfully"], found["execution_metadata"]) == (True, metadata)


@pytest.mark.parametrize("counts", [{}, {"total_rows": 0}, {"total_rows": None}])
def test_without_rows_there_is_no_throughput(wire: Wire, counts: Json) -> None:
    identity = wire.start(wire.pipeline())

    assert wire.end(identity, **counts).status_code == 204
    assert wire.execution(identity)["throughput"] is None


def test_a_run_may_end_as_it_starts_but_not_before(wire: Wire) -> None:
    identity = wire.start(wire.pipeline())
    before = wire.fingerprint()

    problem(wire.end(identity, end_date="2026-03-01T11:59:59.999999Z"), 422, "execution-ends-before-start")
    assert wire.fingerprint() == before

    assert wire.end(identity, end_date=START, total_rows=5).status_code == 204
    assert (wire.execution(identity)["duration_seconds"], wire.execution(identity)["throughput"]) == (0, None)


def test_the_same_end_again_is_harmless(wire: Wire) -> None:
    identity = wire.start(wire.pipeline())
    fields = COUNTS | {"execution_metadata": {"a": 1, "b": 2}}
    assert wire.end(identity, **fields).status_code == 204
    before = wire.fingerprint()

    again = fields | {"execution_metadata": {"b": 2.0, "a": 1}, "end_date": "2026-03-01T13:01:00+01:00"}
    assert wire.end(identity, **again).status_code == 204

    assert wire.fingerprint() == before


@pytest.mark.parametrize(
    "otherwise",
    [{"inserts": 2}, {"completed_successfully": False}, {"end_date": START}, {"execution_metadata": {}}],
)
def test_another_end_is_a_conflict(wire: Wire, otherwise: Json) -> None:
    identity = wire.start(wire.pipeline())
    wire.end(identity, **COUNTS)
    before = wire.fingerprint()

    problem(wire.end(identity, **COUNTS | otherwise), 409, "execution-already-ended")

    assert wire.fingerprint() == before


def test_four_ends_at_once_have_one_winner(wire: Wire) -> None:
    identity = wire.start(wire.pipeline())

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda count: wire.end(identity, inserts=count), range(4)))

    assert sorted(end.status_code for end in ends) == [204, 409, 409, 409]
    winner = next(count for count, end in enumerate(ends) if end.status_code == 204)
    assert wire.execution(identity)["inserts"] == winner


def test_a_success_moves_the_pipeline_and_a_failure_does_not(wire: Wire) -> None:
    pipeline = wire.pipeline(next_watermark="declared")
    before = wire.get(f"/pipeline/{pipeline}")

    wire.end(wire.start(pipeline, next_watermark="failed"), completed_successfully=False, **COUNTS)
    assert wire.get(f"/pipeline/{pipeline}") == before

    wire.end(wire.start(pipeline, next_watermark="reached"), **COUNTS)
    after = wire.get(f"/pipeline/{pipeline}")
    moved = {
        "watermark": "reached",
        "last_target_insert": END,
        "last_target_update": END,
        "load_lineage": False,
    }
    assert after == before | moved


def test_without_its_own_the_pipelines_next_watermark_is_reached(wire: Wire) -> None:
    pipeline = wire.pipeline(next_watermark="declared")

    wire.end(wire.start(pipeline))

    assert wire.declare(next_watermark="later")["watermark"] == "declared"


def test_an_execution_that_started_earlier_does_not_move_the_watermark_back(wire: Wire) -> None:
    pipeline = wire.pipeline()
    early = wire.start(pipeline, start_date="2026-03-01T11:00:00Z", next_watermark="early")
    late = wire.start(pipeline, next_watermark="late")

    wire.end(late, inserts=1)
    wire.end(early, inserts=1, end_date="2026-03-01T12:00:30Z")

    row = wire.get(f"/pipeline/{pipeline}")
    assert (row["watermark"], row["last_target_insert"]) == ("late", END)


def test_a_start_repeated_by_its_external_id_is_harmless(wire: Wire) -> None:
    pipeline, other = wire.pipeline(), wire.pipeline("other")
    body = {"pipeline_id": pipeline, "external_id": "Run/1 " + "x" * 194}

    identity = answer(wire.post("/start_pipeline_execution", body), 201)["id"]
    before = wire.fingerprint()
    again = body | {"start_date": START, "watermark": "otherwise"}

    assert answer(wire.post("/start_pipeline_execution", again), 200) == {"id": identity}
    assert wire.fingerprint() == before
    answer(wire.post("/start_pipeline_execution", body | {"pipeline_id": other}), 201)
    problem(wire.post("/start_pipeline_execution", body | {"external_id": "x" * 201}), 422)


def test_an_external_id_starts_one_run_however_many_ask_at_once(wire: Wire) -> None:
    body = {"pipeline_id": wire.pipeline(), "external_id": "one"}

    with ThreadPoolExecutor(12) as pool:
        starts = list(pool.map(lambda _: wire.post("/start_pipeline_execution", body), range(12)))

    assert sorted(start.status_code for start in starts) == [200] * 11 + [201]
    assert len({start.json()["id"] for start in starts}) == 1


@pytest.mark.parametrize("alias", ["parent_id", "parent_execution_id"])
def test_both_names_of_the_parent_are_understood(wire: Wire, alias: str) -> None:
    pipeline = wire.pipeline()
    parent = wire.start(pipeline)

    child = wire.start(pipeline, **{alias: parent})

    assert wire.execution(child)["parent_id"] == parent
    assert [found["id"] for found in wire.execution(parent)["child_executions"]] == [child]


def test_the_two_names_of_the_parent_must_agree(wire: Wire) -> None:
    pipeline = wire.pipeline()
    one, other = wire.start(pipeline), wire.start(pipeline)
    body = {"pipeline_id": pipeline, "parent_execution_id": one}

    answer(wire.post("/start_pipeline_execution", body | {"parent_id": one}), 201)
    answer(wire.post("/start_pipeline_execution", body | {"parent_id": None}), 201)
    found = problem(wire.post("/start_pipeline_execution", body | {"parent_id": other}), 422)

    assert re.search("parent_id.*parent_execution_id", found["detail"])


def test_a_start_needs_its_pipeline_and_its_parent(wire: Wire) -> None:
    pipeline = wire.pipeline()
    before = wire.fingerprint()

    for body, slug in (
        ({"pipeline_id": NOBODY}, "pipeline-not-found"),
        ({"pipeline_id": -1}, "pipeline-not-found"),
        ({"pipeline_id": pipeline, "parent_id": NOBODY}, "parent-execution-not-found"),
    ):
        problem(wire.post("/start_pipeline_execution", body), 404, slug)
    problem(wire.end(NOBODY), 404, "execution-not-found")
    assert wire.fingerprint() == before


def test_a_tree_of_four_hundred_levels_can_be_read(wire: Wire) -> None:
    pipeline = wire.pipeline()
    chain = [wire.start(pipeline)]
    for _ in range(DEPTH):
        chain.append(wire.start(pipeline, parent_id=chain[-1]))
        assert wire.execution(chain[-2])["child_executions"][0]["id"] == chain[-1]

    node, walked = wire.execution(chain[0]), []
    while node["child_executions"]:
        (node,) = node["child_executions"]
        walked.append(node["id"])

    assert walked == chain[1:]
