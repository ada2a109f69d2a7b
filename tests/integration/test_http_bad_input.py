"""Whatever a client may send: a documented refusal, and nothing has changed. Never a 5xx."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.integration.wire import Json, Wire, problem

BEYOND = "@1e999@"
"""Stands for a number that is legal JSON and no legal double."""

BRACKETS = 100_000
NOT_AN_OBJECT: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "string": b'"name"',
    "number": b"1",
    "true": b"true",
    "not closed": b'{"name": "x"',
    "trailing comma": b'{"name": "x",}',
    "two objects": b"{} {}",
    "single quotes": b"{'name': 'x'}",
    "comment": b"{} // json",
    "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "no utf-8": b'{"name": "\xff"}',
    "overlong utf-8": b'{"name": "\xc0\x80"}',
    "surrogate in utf-8": b'{"name": "\xed\xa0\x80"}',
    "control character": b'{"name": "\n"}',
    "nul bytes": b"\x00" * 100,
    "nan": b"NaN",
    "open brackets": b"[" * BRACKETS,
    "all brackets": b"[" * BRACKETS + b"]" * BRACKETS,
    "open objects": b'{"a":' * BRACKETS,
    "brackets in a field": b'{"name":' + b"[" * BRACKETS + b"]" * BRACKETS + b"}",
    "brackets in metadata": b'{"pipeline_metadata":' + b"[" * BRACKETS + b"]" * BRACKETS + b"}",
    "many digits": b'{"id":' + b"9" * 1_000_000 + b"}",
    "keys without end": b"{" + b",".join(b'"%d":0' % n for n in range(100_000)) + b"}",
}

TIME = "2026-03-01T12:00:00Z"
SPANS: Json = {"freshness_number": 1, "freshness_datepart": "day"}
SPANS |= {"timeliness_number": 1, "timeliness_datepart": "day"}
MUTES = {"mute_freshness_check": True, "mute_timeliness_check": True}
OUTCOME: Json = {"end_date": TIME, "completed_successfully": True, "inserts": 1, "updates": 1}
OUTCOME |= {"soft_deletes": 1, "total_rows": 1, "execution_metadata": {}}
START: Json = {
    "pipeline_id": 1,
    "start_date": TIME,
    "watermark": "1",
    "next_watermark": "2",
    "external_id": "3",
}
ADDRESS: Json = {"name": "new", "address_type_name": "type", "address_type_group_name": "group"}
PARTS: Json = {"database_name": "d", "schema_name": "s", "table_name": "t", "primary_key": "k"}
PARTS |= {"address_metadata": {}}
VALID: dict[tuple[str, str], Json] = {
    ("POST", "/pipeline"): {
        "name": "new",
        "pipeline_type_name": "type",
        "next_watermark": "1",
        "pipeline_metadata": {},
    }
    | SPANS,
    ("PATCH", "/pipeline"): {
        "id": 1,
        "name": "new",
        "pipeline_type_id": 1,
        "watermark": "1",
        "next_watermark": "2",
    }
    | {"last_target_insert": TIME, "last_target_update": TIME, "last_target_soft_delete": TIME}
    | {"pipeline_metadata": {}, "load_lineage": True, "active": False}
    | SPANS
    | MUTES,
    ("POST", "/pipeline_type"): {"name": "new"} | SPANS | MUTES,
    ("PATCH", "/pipeline_type"): {"id": 1, "name": "new"} | SPANS | MUTES,
    ("POST", "/address_type"): {"name": "new", "group_name": "group"},
    ("PATCH", "/address_type"): {"id": 1, "name": "new", "group_name": "group"},
    ("POST", "/address"): ADDRESS | PARTS,
    ("PATCH", "/address"): {"id": 1, "name": "new", "address_type_id": 1} | PARTS,
    ("POST", "/address_lineage"): {
        "pipeline_id": 1,
        "source_addresses": [ADDRESS | PARTS],
        "target_addresses": [ADDRESS],
    },
    ("POST", "/start_pipeline_execution"): START | {"parent_id": 1},
    ("POST", "/end_pipeline_execution"): {"id": 1} | OUTCOME,
    ("POST", "/pipeline_execution/bulk"): {"executions": [START | OUTCOME]},
}
OPERATIONS = list(VALID)
FIELDS = [(*operation, field) for operation, body in VALID.items() for field in body]

DEEP: list[Any] = []
for _ in range(150):
    DEEP = [DEEP]

WRONG_TEXT: list[object] = [
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfff",
    "x" * 1_001,
    True,
    1.5,
    [],
    {},
    ["x"],
    float("nan"),
]
WRONG_NAME: list[object] = ["", "   ", "\t\n", "\u2003", "\x85\x15", "\ufeff", 1, None]
WRONG_INTEGER: list[object] = [
    2**63, -(2**63) - 1, 10**400, 1.5, BEYOND, float("nan"), float("inf"), "1", "", True, False, [], {}, [1],
]  # fmt: skip
WRONG_FLAG: list[object] = [0, 1, "true", "", [], {}, 1.0]
WRONG_TIME: list[object] = [
    "20260301", "1772366400", 1_772_366_400, "2026-03-01", "2026-02-30T00:00:00Z", "", "\x00", f"{TIME}\x00",
    "\ud800", "0001-01-01T00:00:00+01:00", "99999-01-01T00:00:00Z", True, [], {}, "x" * 100_000,
]  # fmt: skip
WRONG_DATEPART: list[object] = ["DAY", "days", "", "\x00", "\ud800", 1, True, [], {}]
WRONG_DOCUMENT: list[object] = [
    [], "", "x", 1, True, {"a": "\x00"}, {"\x00": 1}, {"a": "\ud800"}, {"\ud800": 1}, {"a": float("nan")},
    {"a": [float("inf")]}, {"a": {"b": -float("inf")}}, {"a": BEYOND}, {"a": 2**64}, {"a": -(2**63) - 1},
    {"a": 10**400}, {"a": DEEP},
]  # fmt: skip


WRONG: list[tuple[str, list[object]]] = [
    ("name|pipeline_type_name|group_name|address_type_.*name", WRONG_TEXT + WRONG_NAME),
    ("database_name|schema_name|table_name|primary_key", [*WRONG_TEXT, 1]),
    (".*watermark", WRONG_TEXT),
    ("external_id", [*WRONG_TEXT, "x" * 201, 1]),
    (".*_datepart", WRONG_DATEPART),
    (".*_metadata", WRONG_DOCUMENT),
    ("end_date", [*WRONG_TIME, None]),
    ("start_date|last_target_.*", WRONG_TIME),
    ("mute_.*|active|load_lineage|completed_successfully", [*WRONG_FLAG, None]),
    (".*_addresses", ["x", 1, True, {}, ["x"], [None], [{}], [ADDRESS, ADDRESS | {"name": " "}], DEEP]),
    ("executions", [None, "x", 1, {}, [1] * 10_001]),
    (".*_number", [*WRONG_INTEGER, 0, -1, 2**31]),
    (".*id", WRONG_INTEGER),
    ("inserts|updates|soft_deletes|total_rows", [*WRONG_INTEGER, -1]),
]


def _wrong(field: str) -> list[object]:
    return next(values for fields, values in WRONG if re.fullmatch(fields, field))


@pytest.fixture
def known(wire: Wire) -> Iterator[Wire]:
    """One of everything, each with the id 1, the execution running; nothing may have changed at the end."""
    _make_known(wire)
    before = wire.fingerprint()
    yield wire
    assert wire.fingerprint() == before


def _make_known(wire: Wire) -> None:
    wire.start(wire.pipeline(pipeline_type_name="load"), start_date=TIME)
    wire.address()


def _encoded(body: object) -> bytes:
    return json.dumps(body).replace(f'"{BEYOND}"', "1e999").encode()


def _refused(wire: Wire, method: str, path: str, content: bytes) -> Json:
    headers = {"content-type": "application/json"}
    response = wire.client.request(method, path, content=content, headers=headers)
    assert response.status_code == 422, (content[:200], response.text[:200])
    found = problem(response, 422)
    assert len(response.content) < 100_000, "a refusal is no amplifier"
    return found


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_bodies_that_are_broken_below_are_whole(wire: Wire, method: str, path: str) -> None:
    _make_known(wire)

    assert wire.client.request(method, path, content=_encoded(VALID[method, path])).is_success


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("content", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT)
def test_what_is_no_json_object_is_refused(known: Wire, method: str, path: str, content: bytes) -> None:
    _refused(known, method, path, content)


@pytest.mark.parametrize(("method", "path", "field"), FIELDS)
def test_a_field_that_is_wrong_is_refused_by_its_place(
    known: Wire, method: str, path: str, field: str
) -> None:
    for value in _wrong(field):
        content = _encoded(VALID[method, path] | {field: value})
        found = _refused(known, method, path, content)
        if b"\\ud" not in content:  # a lone surrogate makes it no JSON, so that there are no fields
            assert field in _places(found), (value, found)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_field_that_nobody_knows_is_refused(known: Wire, method: str, path: str) -> None:
    for field in ("unknown", "Name", "", "__class__", "model_config", "\x00"):
        found = _refused(known, method, path, _encoded(VALID[method, path] | {field: 1}))
        assert field in _places(found)


@pytest.mark.parametrize(("method", "path"), [each for each in OPERATIONS if each[0] == "POST"])
def test_a_field_that_is_missing_is_refused(known: Wire, method: str, path: str) -> None:
    found = _refused(known, method, path, b"{}")

    assert {error["type"] for error in found["errors"]} == {"missing"}


def test_a_key_given_twice_counts_as_given_last(wire: Wire) -> None:
    content = b'{"name": 1, "name": "first", "pipeline_type_name": "a", "name": "last"}'

    assert wire.client.post("/pipeline", content=content).status_code == 201

    assert [row["name"] for row in wire.get("/pipeline")] == ["last"]


def test_metadata_may_be_large_and_flat(wire: Wire) -> None:
    metadata = {str(number): "x" * 100 for number in range(20_000)}

    pipeline = wire.pipeline(pipeline_metadata=metadata)

    assert wire.get(f"/pipeline/{pipeline}")["pipeline_metadata"] == metadata


def test_metadata_may_be_nested_a_hundred_deep(wire: Wire) -> None:
    metadata: Json = {}
    for _ in range(99):
        metadata = {"a": metadata}

    pipeline = wire.pipeline(pipeline_metadata=deepcopy(metadata))

    assert wire.get(f"/pipeline/{pipeline}")["pipeline_metadata"] == metadata


def _places(found: Json) -> set[str | int]:
    return {place for error in found["errors"] for place in error["loc"]}
