"""Many finished executions in one request: a verdict for each, in order."""

import pytest

from tests.integration.wire import END, NOBODY, START, Json, Wire, answer, check_problem, problem

LIMIT = 10_000
RUN: Json = {"start_date": START, "end_date": END, "completed_successfully": True}
BAD: list[tuple[object, int]] = [
    ({"pipeline_id": NOBODY}, 404),
    ({"end_date": "2026-03-01T11:00:00Z"}, 422),
    ({"end_date": "20260301"}, 422),
    ({"inserts": -1}, 422),
    ({"inserts": 2**63}, 422),
    ({"total_rows": "1"}, 422),
    ({"external_id": "x" * 201}, 422),
    ({"external_id": "\x00"}, 422),
    ({"watermark": "x" * 1_001}, 422),
    ({"execution_metadata": {"a": "\x00"}}, 422),
    ({"execution_metadata": {"a": 2**64}}, 422),
    ({"execution_metadata": []}, 422),
    ({"start_date": "0001-01-01T00:00:00+01:00"}, 422),
    ({"unknown": 1}, 422),
    ({"pipeline_id": None}, 422),
    (None, 422),
    ([], 422),
    ("run", 422),
]


def _runs(wire: Wire, *runs: object) -> list[Json]:
    response = wire.post("/pipeline_execution/bulk", {"executions": list(runs)})
    results: list[Json] = answer(response, 200)["results"]
    return results


def test_runs_are_recorded_in_order(wire: Wire) -> None:
    run = RUN | {"pipeline_id": wire.pipeline()}
    results = _runs(wire, *(run | {"inserts": count, "watermark": count} for count in range(5)))

    found = [wire.execution(result["id"]) for result in results]
    assert [(each["inserts"], each["watermark"]) for each in found] == [(n, str(n)) for n in range(5)]
    assert {each["duration_seconds"] for each in found} == {60}


def test_no_runs_are_no_results(wire: Wire) -> None:
    assert _runs(wire) == []


def test_runs_have_the_effects_of_ending_them_one_by_one(wire: Wire) -> None:
    pipeline = wire.pipeline(next_watermark="declared")
    run = RUN | {"pipeline_id": pipeline, "inserts": 1}

    _runs(
        wire,
        run | {"start_date": "2026-03-01T12:00:10Z", "next_watermark": "latest"},
        run | {"next_watermark": "earliest"},
        run | {"start_date": "2026-03-01T12:00:20Z", "next_watermark": "x", "completed_successfully": False},
    )

    row = wire.get(f"/pipeline/{pipeline}")
    assert (row["watermark"], row["last_target_insert"], row["load_lineage"]) == ("latest", END, False)


def test_a_repeat_of_the_whole_request_is_harmless(wire: Wire) -> None:
    pipeline = wire.pipeline()
    runs = [RUN | {"pipeline_id": pipeline, "external_id": f"run {n}", "inserts": n} for n in range(50)]
    first = _runs(wire, *runs)
    before = wire.fingerprint()

    assert _runs(wire, *runs) == first
    assert _runs(wire, *reversed(runs)) == first[::-1]
    assert wire.fingerprint() == before


def test_an_external_id_twice_in_one_request_is_one_run(wire: Wire) -> None:
    run = RUN | {"pipeline_id": wire.pipeline(), "external_id": "twice"}

    one, other = _runs(wire, run, run)

    assert one == other
    assert len(wire.get("/pipeline_execution")) == 1


@pytest.mark.parametrize(("bad", "status"), BAD)
def test_a_bad_run_harms_no_neighbour(wire: Wire, bad: object, status: int) -> None:
    run = RUN | {"pipeline_id": wire.pipeline()}

    first, refused, last = _runs(wire, run, run | bad if isinstance(bad, dict) else bad, run)

    assert [row["id"] for row in wire.get("/pipeline_execution")] == [last["id"], first["id"]]
    assert refused.keys() == {"problem"}
    check_problem(refused["problem"], status)
    for error in refused["problem"].get("errors", []):
        assert error["loc"][:3] == ["body", "executions", 1]


def test_all_verdicts_come_in_the_order_of_the_runs(wire: Wire) -> None:
    run = RUN | {"pipeline_id": wire.pipeline()}
    bad = [run | each for each, _ in BAD if isinstance(each, dict)]
    mixed = [each for one in bad for each in (one, run)]

    results = _runs(wire, *mixed)

    assert ["id" in result for result in results] == [False, True] * len(bad)
    ids = [result["id"] for result in results if "id" in result]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(bad)


def test_ten_thousand_runs_fit_one_request(wire: Wire) -> None:
    pipeline = wire.pipeline()
    runs = [RUN | {"pipeline_id": pipeline, "external_id": str(n), "next_watermark": n} for n in range(LIMIT)]

    results = _runs(wire, *runs)

    assert len({result["id"] for result in results}) == LIMIT
    assert wire.get(f"/pipeline/{pipeline}")["watermark"] == str(LIMIT - 1)


def test_more_than_ten_thousand_runs_are_refused_and_none_is_recorded(wire: Wire) -> None:
    run = RUN | {"pipeline_id": wire.pipeline()}
    before = wire.fingerprint()

    found = problem(wire.post("/pipeline_execution/bulk", {"executions": [run] * (LIMIT + 1)}), 422)

    assert found["errors"][0]["loc"] == ["body", "executions"]
    assert wire.fingerprint() == before


@pytest.mark.parametrize("body", [{}, {"executions": None}, {"executions": {}}, {"executions": "x"}, []])
def test_what_is_no_list_of_runs_is_refused(wire: Wire, body: object) -> None:
    problem(wire.post("/pipeline_execution/bulk", body), 422, "invalid-request")
