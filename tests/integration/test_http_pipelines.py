"""Pipelines and their types over HTTP: declared, named, read."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.integration.programs import Program
from tests.integration.wire import NOBODY, Json, Wire, answer, problem
from tests.plain import PLAIN
from tests.server import fetch

PIPELINE = {"name": "orders", "pipeline_type_name": "load"}
PIPELINE_FIELDS = {
    "id", "name", "pipeline_type_id", "watermark", "next_watermark", "pipeline_metadata",
    "last_target_insert", "last_target_update", "last_target_soft_delete", "freshness_number",
    "freshness_datepart", "mute_freshness_check", "timeliness_number", "timeliness_datepart",
    "mute_timeliness_check", "load_lineage", "active", "created_at", "updated_at",
}  # fmt: skip
DATEPARTS = ["minute", "hour", "day", "week", "month", "quarter", "year"]
CALLERS = 24


def test_a_new_pipeline_is_created_and_an_old_one_found(wire: Wire) -> None:
    created = answer(wire.post("/pipeline", PIPELINE), 201)
    found = answer(wire.post("/pipeline", PIPELINE), 200)

    assert created == found == {"id": 1, "active": True, "load_lineage": True, "watermark": None}


def test_a_new_type_is_created_and_an_old_one_found(wire: Wire) -> None:
    assert answer(wire.post("/pipeline_type", {"name": "load"}), 201) == {"id": 1}
    assert answer(wire.post("/pipeline_type", {"name": "load"}), 200) == {"id": 1}


def test_a_pipeline_creates_its_type(wire: Wire) -> None:
    wire.pipeline(pipeline_type_name=" Extract ")

    assert [(row["id"], row["name"]) for row in wire.get("/pipeline_type")] == [(1, "Extract")]
    assert wire.get("/pipeline/1")["pipeline_type_id"] == 1


def test_a_pipeline_has_the_fields_of_the_contract(wire: Wire) -> None:
    row = wire.get(f"/pipeline/{wire.pipeline()}")

    assert row.keys() == PIPELINE_FIELDS
    assert row["created_at"].endswith("Z")
    assert (row["active"], row["load_lineage"], row["updated_at"]) == (True, True, None)
    assert wire.get("/pipeline") == [row]


def test_twenty_four_at_once_create_one_pipeline(wire: Wire, api: Program) -> None:
    body = {"name": "at once", "pipeline_type_name": "load", "next_watermark": 7}
    clients = [api.client() for _ in range(CALLERS)]
    try:
        with ThreadPoolExecutor(CALLERS) as pool:
            responses = list(pool.map(lambda each: each.post("/pipeline", json=body), clients))
    finally:
        for each in clients:
            each.close()

    assert sorted(response.status_code for response in responses) == [200] * (CALLERS - 1) + [201]
    assert {response.json()["id"] for response in responses} == {1}
    assert [row["name"] for row in wire.get("/pipeline")] == ["at once"]


def test_twenty_four_at_once_create_one_type(wire: Wire, api: Program) -> None:
    def declared(_: int) -> httpx.Response:
        return httpx.post(
            f"{api.url}/pipeline_type", json={"name": "load"}, timeout=60, trust_env=False, verify=PLAIN
        )

    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = sorted(response.status_code for response in pool.map(declared, range(CALLERS)))

    assert statuses == [200] * (CALLERS - 1) + [201]
    assert len(wire.get("/pipeline_type")) == 1


@pytest.mark.parametrize("spelling", ["ORDERS straße", "  orders STRASSE\t", "\u00a0Orders Strasse\n"])
def test_names_are_trimmed_and_equal_in_any_case(wire: Wire, spelling: str) -> None:
    first = wire.pipeline(" Orders Straße ")

    found = answer(wire.post("/pipeline", PIPELINE | {"name": spelling}), 200)

    assert found["id"] == first
    assert wire.get(f"/pipeline/{first}")["name"] == "Orders Straße"
    assert [row["id"] for row in wire.get("/pipeline", name=spelling)] == [first]


def test_a_pipeline_is_found_by_its_name(wire: Wire) -> None:
    wire.pipeline("orders")
    second = wire.pipeline("sales & more / 100%")

    assert [row["id"] for row in wire.get("/pipeline", name="SALES & MORE / 100%")] == [second]
    assert wire.get("/pipeline", name="nothing") == []
    assert wire.get("/pipeline", name="\x00") == []


@pytest.mark.parametrize(("path", "limit"), [("/pipeline", 1_000), ("/pipeline_type", 150)])
def test_names_have_a_length(wire: Wire, path: str, limit: int) -> None:
    fields = {"pipeline_type_name": "load"} if path == "/pipeline" else {}

    answer(wire.post(path, fields | {"name": f" {'é' * limit} "}), 201)
    before = wire.fingerprint()

    for name in ("é" * (limit + 1), "", "  \t\n"):
        problem(wire.post(path, fields | {"name": name}), 422)
    assert wire.fingerprint() == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T23:59:59.5+02:00", "2026-01-31T23:59:59.5+02:00"),
        ("  MiXed Case, not trimmed\n", "  MiXed Case, not trimmed\n"),
        ("", ""),
        ("Ünïcödé 💧", "Ünïcödé 💧"),
        ("007", "007"),
        (42, "42"),
        (-(2**80), str(-(2**80))),
        ("x" * 1_000, "x" * 1_000),
    ],
)
def test_a_watermark_is_kept_as_given(wire: Wire, given: object, kept: str) -> None:
    pipeline = wire.pipeline(next_watermark=given)
    execution = wire.start(pipeline, watermark=given, next_watermark=given)

    assert wire.get(f"/pipeline/{pipeline}")["next_watermark"] == kept
    found = wire.execution(execution)
    assert (found["watermark"], found["next_watermark"]) == (kept, kept)


@pytest.mark.parametrize("given", ["x" * 1_001, 10**1_000, 1.5, True, ["a"], {"a": 1}, "a\x00"])
def test_what_is_no_watermark_is_refused(wire: Wire, given: object) -> None:
    before = wire.fingerprint()

    found = problem(wire.post("/pipeline", PIPELINE | {"next_watermark": given}), 422)

    assert "next_watermark" in found["errors"][0]["loc"]
    assert wire.fingerprint() == before


def test_the_watermark_is_told_to_who_declares_the_next(wire: Wire) -> None:
    pipeline = wire.pipeline()
    answer(wire.patch("/pipeline", {"id": pipeline, "watermark": "2026-01-01"}), 200)

    assert wire.declare(next_watermark="2026-01-02")["watermark"] == "2026-01-01"
    assert wire.declare()["watermark"] is None
    assert wire.declare(next_watermark=None)["watermark"] is None


def test_an_unchanged_declaration_writes_nothing(wire: Wire) -> None:
    full: Json = {
        "freshness_number": 1,
        "freshness_datepart": "day",
        "pipeline_metadata": {"a": 1, "b": [1.0]},
    }
    wire.declare(**full)
    before = wire.fingerprint()

    answer(wire.post("/pipeline", PIPELINE | full | {"pipeline_metadata": {"b": [1], "a": 1}}), 200)
    answer(wire.post("/pipeline", PIPELINE | full | {"timeliness_number": None}), 200)

    assert wire.fingerprint() == before
    assert wire.get("/pipeline/1")["updated_at"] is None


def test_a_next_watermark_is_no_change_of_content(wire: Wire) -> None:
    pipeline = wire.pipeline(next_watermark="1")

    wire.declare(next_watermark="2")

    row = wire.get(f"/pipeline/{pipeline}")
    assert (row["next_watermark"], row["updated_at"]) == ("2", None)


def test_a_changed_declaration_updates_the_row_and_its_type(wire: Wire) -> None:
    pipeline = wire.pipeline(freshness_number=1, freshness_datepart="day", pipeline_metadata={"a": 1})

    body: Json = {"name": "orders", "pipeline_type_name": "extract", "pipeline_metadata": {"a": 2}}
    answer(wire.post("/pipeline", body), 200)

    row = wire.get(f"/pipeline/{pipeline}")
    assert row["updated_at"].endswith("Z")
    assert row["pipeline_metadata"] == {"a": 2}
    assert (row["freshness_number"], row["freshness_datepart"]) == (None, None)
    assert wire.get(f"/pipeline_type/{row['pipeline_type_id']}")["name"] == "extract"


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
@pytest.mark.parametrize("datepart", DATEPARTS)
def test_spans_are_a_number_and_a_datepart(wire: Wire, path: str, datepart: str) -> None:
    spans = {"freshness_number": 1, "freshness_datepart": datepart}
    spans |= {"timeliness_number": 2**31 - 1, "timeliness_datepart": datepart}
    body = (PIPELINE if path == "/pipeline" else {"name": "load"}) | spans

    identity = answer(wire.post(path, body), 201)["id"]

    assert wire.get(f"{path}/{identity}").items() >= spans.items()


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
@pytest.mark.parametrize("rule", ["freshness", "timeliness"])
@pytest.mark.parametrize("half", [{"number": 1}, {"datepart": "day"}, {"number": 1, "datepart": None}])
def test_half_a_span_is_refused_by_the_name_of_the_pair(wire: Wire, path: str, rule: str, half: Json) -> None:
    body = PIPELINE if path == "/pipeline" else {"name": "load"}
    before = wire.fingerprint()

    found = problem(wire.post(path, body | {f"{rule}_{part}": value for part, value in half.items()}), 422)

    assert f"{rule}_number and {rule}_datepart" in found["detail"]
    assert wire.fingerprint() == before


@pytest.mark.parametrize(
    "span", [(0, "day"), (-1, "day"), (2**31, "day"), (1.5, "day"), ("1", "day"), (1, "decade"), (1, "DAY")]
)
def test_what_is_no_span_is_refused(wire: Wire, span: tuple[object, str]) -> None:
    body = PIPELINE | {"freshness_number": span[0], "freshness_datepart": span[1]}

    problem(wire.post("/pipeline", body), 422, "invalid-request")


def test_metadata_is_kept_as_given(wire: Wire) -> None:
    metadata = {"a": [1, 2.5, -0.001, True, None, {"ß": "💧"}], "": {}, "big": 2**63 - 1}
    pipeline = wire.pipeline(pipeline_metadata=metadata)

    assert wire.get(f"/pipeline/{pipeline}")["pipeline_metadata"] == metadata


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/pipeline", "pipeline-not-found"),
        ("/pipeline_type", "pipeline-type-not-found"),
        ("/pipeline_execution", "execution-not-found"),
    ],
)
def test_what_is_not_there_is_not_found(wire: Wire, path: str, slug: str) -> None:
    for identity in (NOBODY, 0, -1, -(2**63)):
        problem(wire.client.get(f"{path}/{identity}"), 404, slug)


def test_what_is_stored_is_what_is_answered(wire: Wire) -> None:
    pipeline = wire.pipeline("Orders ", next_watermark=7)

    rows = asyncio.run(fetch(wire.dsn, "SELECT id, name, next_watermark FROM pipeline"))

    assert rows == [(pipeline, "Orders", "7")]
