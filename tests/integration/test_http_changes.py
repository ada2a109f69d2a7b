"""PATCH over HTTP: what a change names, and what it leaves alone."""

from typing import Any

import pytest

from tests.integration.wire import NOBODY, Json, Wire, answer, problem

IDENTITY_MISSING = "Either 'id' or 'name' must be provided"
CHANGES: Json = {
    "watermark": "2026-01-01",
    "next_watermark": "2026-01-02",
    "pipeline_metadata": {"owner": "ops"},
    "last_target_insert": "2026-01-01T00:00:00Z",
    "last_target_update": "2026-01-01T00:00:01Z",
    "last_target_soft_delete": "2026-01-01T00:00:02Z",
    "freshness_number": 3,
    "freshness_datepart": "hour",
    "timeliness_number": 4,
    "timeliness_datepart": "week",
    "mute_freshness_check": True,
    "mute_timeliness_check": True,
    "load_lineage": False,
    "active": False,
}
NULLABLE = [field for field, value in CHANGES.items() if not isinstance(value, bool)]
NOT_NULLABLE = ["mute_freshness_check", "mute_timeliness_check", "load_lineage", "active", "pipeline_type_id"]
READ_ONLY = {"created_at": "2026-01-01T00:00:00Z", "updated_at": None, "declaration": "x", "name_key": "x"}


def test_a_change_answers_with_the_whole_pipeline(wire: Wire) -> None:
    pipeline = wire.pipeline()
    before = wire.get(f"/pipeline/{pipeline}")

    changed = answer(wire.patch("/pipeline", {"id": pipeline} | CHANGES), 200)

    assert changed == before | CHANGES | {"updated_at": changed["updated_at"]}
    assert changed["updated_at"].endswith("Z")
    assert wire.get(f"/pipeline/{pipeline}") == changed


@pytest.mark.parametrize("field", ["watermark", "active", "pipeline_metadata", "last_target_update"])
def test_a_change_leaves_alone_what_it_does_not_name(wire: Wire, field: str) -> None:
    pipeline = wire.pipeline()
    before = wire.get(f"/pipeline/{pipeline}")

    changed = answer(wire.patch("/pipeline", {"id": pipeline, field: CHANGES[field]}), 200)

    assert {name for name in before if before[name] != changed[name]} == {field, "updated_at"}


def test_an_explicit_null_clears(wire: Wire) -> None:
    pipeline = wire.pipeline()
    wire.patch("/pipeline", {"id": pipeline} | CHANGES)

    changed = answer(wire.patch("/pipeline", {"id": pipeline} | dict.fromkeys(NULLABLE)), 200)

    assert {changed[field] for field in NULLABLE} == {None}
    assert changed["active"] is False


@pytest.mark.parametrize("field", NOT_NULLABLE)
def test_what_cannot_be_null_cannot_be_cleared(wire: Wire, field: str) -> None:
    pipeline = wire.pipeline()
    before = wire.fingerprint()

    found = problem(wire.patch("/pipeline", {"id": pipeline, field: None}), 422)

    assert found["errors"][0]["loc"] == ["body", field]
    assert wire.fingerprint() == before


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
@pytest.mark.parametrize("body", [{}, {"id": None}, {"active": True}, {"mute_freshness_check": True}])
def test_a_change_of_nothing_in_particular_is_refused(wire: Wire, path: str, body: Json) -> None:
    if path == "/pipeline_type" and "active" in body:
        body = {"freshness_number": None}

    found = problem(wire.patch(path, body), 422)

    assert IDENTITY_MISSING in [error["msg"] for error in found["errors"]]
    assert IDENTITY_MISSING in found["detail"]


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
def test_a_name_in_any_spelling_says_which_row_is_meant(wire: Wire, path: str) -> None:
    wire.pipeline("Load", pipeline_type_name="Load")

    changed = answer(wire.patch(path, {"name": " LOAD ", "mute_freshness_check": True}), 200)

    assert (changed["id"], changed["name"], changed["mute_freshness_check"]) == (1, "Load", True)


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
def test_with_an_id_the_name_is_a_change(wire: Wire, path: str) -> None:
    wire.pipeline("load")

    assert answer(wire.patch(path, {"id": 1, "name": "  Reload "}), 200)["name"] == "Reload"
    assert answer(wire.patch(path, {"id": 1, "name": "RELOAD"}), 200)["name"] == "RELOAD"
    problem(wire.patch(path, {"id": 1, "name": None}), 422)


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
def test_a_name_that_is_taken_is_a_conflict(wire: Wire, path: str) -> None:
    wire.pipeline("load", pipeline_type_name="load")
    wire.pipeline("extract", pipeline_type_name="extract")
    before = wire.fingerprint()

    found = problem(
        wire.patch(path, {"id": 2, "name": " LOAD"}), 409, f"{path[1:]}-name-taken".replace("_", "-")
    )

    assert "'LOAD'" in found["detail"]
    assert wire.fingerprint() == before


@pytest.mark.parametrize("path", ["/pipeline", "/pipeline_type"])
@pytest.mark.parametrize("reference", [{"id": NOBODY}, {"name": "nobody"}])
def test_a_change_of_what_is_not_there_is_not_found(wire: Wire, path: str, reference: Json) -> None:
    problem(wire.patch(path, reference | {"mute_freshness_check": True}), 404)


def test_a_pipeline_cannot_move_to_a_type_that_is_not_there(wire: Wire) -> None:
    pipeline = wire.pipeline()
    before = wire.fingerprint()

    problem(wire.patch("/pipeline", {"id": pipeline, "pipeline_type_id": NOBODY}), 404)

    assert wire.fingerprint() == before


def test_the_alias_pipeline_id_is_the_id(wire: Wire) -> None:
    pipeline = wire.pipeline()

    for reference in ({"pipeline_id": pipeline}, {"pipeline_id": pipeline, "id": pipeline}):
        answer(wire.patch("/pipeline", reference | {"next_watermark": 7}), 200)
    answer(wire.patch("/pipeline", {"pipeline_id": pipeline, "id": None, "name": "by alias"}), 200)

    assert wire.get(f"/pipeline/{pipeline}")["name"] == "by alias"
    problem(wire.patch("/pipeline", {"pipeline_id": pipeline, "id": pipeline + 1, "active": True}), 422)
    problem(wire.patch("/pipeline", {"pipeline_id": None, "active": True}), 422)


@pytest.mark.parametrize(("half", "other"), [("freshness_number", "timeliness_number")])
def test_a_change_must_leave_whole_spans(wire: Wire, half: str, other: str) -> None:
    pipeline = wire.pipeline(freshness_number=1, freshness_datepart="day")

    assert answer(wire.patch("/pipeline", {"id": pipeline, half: 2}), 200)[half] == 2
    before = wire.fingerprint()
    problem(wire.patch("/pipeline", {"id": pipeline, half: None}), 422, "invalid-value")
    problem(wire.patch("/pipeline", {"id": pipeline, other: 2}), 422, "invalid-value")
    assert wire.fingerprint() == before


def test_a_change_that_changes_nothing_writes_nothing(wire: Wire) -> None:
    pipeline = wire.pipeline()
    wire.patch("/pipeline", {"id": pipeline} | CHANGES)
    before = wire.fingerprint()

    answer(wire.patch("/pipeline", {"id": pipeline} | CHANGES), 200)
    answer(wire.patch("/pipeline", {"id": pipeline}), 200)

    assert wire.fingerprint() == before


@pytest.mark.parametrize(("field", "value"), READ_ONLY.items())
def test_what_only_watcher_sets_cannot_be_changed(wire: Wire, field: str, value: Any) -> None:
    pipeline = wire.pipeline()
    before = wire.fingerprint()

    found = problem(wire.patch("/pipeline", {"id": pipeline, field: value}), 422)

    assert found["errors"][0]["loc"] == ["body", field]
    assert wire.fingerprint() == before


def test_a_type_changes_by_the_same_rules(wire: Wire) -> None:
    created = answer(wire.post("/pipeline_type", {"name": "load"}), 201)["id"]
    spans = {"freshness_number": 1, "freshness_datepart": "day", "mute_timeliness_check": True}

    changed = answer(wire.patch("/pipeline_type", {"id": created} | spans), 200)

    assert changed.items() >= spans.items()
    assert changed["updated_at"].endswith("Z")
    cleared = {"freshness_number": None, "freshness_datepart": None}
    assert answer(wire.patch("/pipeline_type", {"id": created} | cleared), 200).items() >= cleared.items()
    problem(wire.patch("/pipeline_type", {"id": created, "mute_freshness_check": None}), 422)
    problem(wire.patch("/pipeline_type", {"pipeline_id": created, "mute_freshness_check": True}), 422)
