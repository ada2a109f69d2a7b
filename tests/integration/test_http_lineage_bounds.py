"""The bounds of lineage over HTTP, and whatever else a client may send: a refusal by its place, and nothing changed."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.wire import Json, Wire, answer, depths, problem, table

BEYOND = (2**63, -(2**63) - 1, 10**400)
NOT_UTF8 = "/address_lineage?name=%ED%A0%80"
"""A lone surrogate, as far as a URL can have one."""


def sent(wire: Wire, body: object) -> httpx.Response:
    """The answer to a body that need not be good JSON."""
    headers = {"content-type": "application/json"}
    return wire.client.post("/address_lineage", content=json.dumps(body), headers=headers)


@pytest.fixture
def settled(wire: Wire) -> Iterator[Wire]:
    """Pipeline 1 feeds address x from address a; nothing may have changed at the end."""
    wire.flows("orders", ["a"], ["x"])
    before = wire.fingerprint()
    yield wire
    assert wire.fingerprint() == before


def test_ten_thousand_addresses_are_one_declaration(wire: Wire) -> None:
    pipeline = wire.pipeline()
    names = [f"lake.raw.table_{number}" for number in range(9_999)]

    found = answer(wire.declare_lineage(pipeline, names, ["lake.mart.all"]), 201)

    assert found["lineage_relationships_created"] == 9_999
    upstream = wire.around("lake.mart.all", "upstream", limit=10_000)
    assert (len(upstream["nodes"]), len(upstream["edges"]), upstream["truncated"]) == (10_000, 9_999, False)
    answer(wire.declare_lineage(pipeline, names, ["lake.mart.all"]), 200)
    fewer = answer(wire.declare_lineage(pipeline, names[:5], ["lake.mart.all"]), 201)
    assert fewer["message"] == "The lineage was replaced: 0 relationships created, 9994 ended."


def test_a_hundred_thousand_edges_are_one_declaration(wire: Wire) -> None:
    sources, targets = [f"s{number}" for number in range(400)], [f"t{number}" for number in range(250)]

    found = answer(wire.declare_lineage(wire.pipeline(), sources, targets), 201)

    assert found["lineage_relationships_created"] == 100_000
    graph = wire.around("s0")
    assert (len(graph["nodes"]), len(graph["edges"]), graph["truncated"]) == (251, 250, False)


@pytest.mark.parametrize(
    ("sources", "targets", "said"),
    [
        (5_000, 5_000, "10,000 and 25,000,000"),
        (401, 250, "651 and 100,250"),
        (15_000, 5_001, "20,001 and 75,015,000"),
    ],
)
def test_more_is_refused_with_the_numbers(settled: Wire, sources: int, targets: int, said: str) -> None:
    body = {
        "pipeline_id": 1,
        "source_addresses": [table(f"s{number}") for number in range(sources)],
        "target_addresses": [table(f"t{number}") for number in range(targets)],
    }

    found = problem(settled.post("/address_lineage", body), 422, "lineage-too-large")

    assert "at most 20,000 addresses and 100,000 edges" in found["detail"]
    assert said in found["detail"]


def test_a_list_has_at_most_twenty_thousand(settled: Wire) -> None:
    body = {"pipeline_id": 1, "source_addresses": [table(f"s{number}") for number in range(20_001)]}

    found = problem(settled.post("/address_lineage", body), 422, "invalid-request")

    assert found["errors"][0]["type"] == "too_long"


def test_a_body_beyond_the_limit_is_too_large(settled: Wire) -> None:
    body = {"pipeline_id": 1, "source_addresses": [table("s", table_name="x" * 1_000)] * 17_000}

    problem(settled.post("/address_lineage", body), 413)


@pytest.mark.parametrize("field", ["source_addresses", "target_addresses"])
@pytest.mark.parametrize(
    "wrong",
    [
        "a", 1, True, {}, table("a"), ["a"], [None], [[]], [{}],
        [{"name": "a"}],
        [table("a", unknown=1)],
        [table("a") | {"name": None}],
        [table("   ")],
        [table("a\x00b")],
        [table("\ud800")],
        [table("x" * 1_001)],
        [table("a", address_type_name="x" * 151)],
        [table("a", address_type_group_name="")],
        [table("a", primary_key="\x00")],
        [table("a", schema_name=1)],
        [table("a", address_metadata=[])],
        [table("a", address_metadata={"k": "\x00"})],
        [table("a", address_metadata={"k": 2**64})],
        [table("a"), table("b", database_name="\udfff")],
    ],
)  # fmt: skip
def test_lists_that_are_wrong_are_refused(settled: Wire, field: str, wrong: object) -> None:
    body = {"pipeline_id": 1, "source_addresses": [table("a")], "target_addresses": [table("x")]}

    found = problem(sent(settled, body | {field: wrong}), 422)

    if "json_invalid" not in {error["type"] for error in found["errors"]}:
        assert {error["loc"][1] for error in found["errors"]} == {field}


def test_the_place_of_what_only_the_domain_refuses_is_whole(settled: Wire) -> None:
    sources = [table("a"), table("b", address_metadata={"k": 2**64})]

    found = problem(sent(settled, {"pipeline_id": 1, "source_addresses": sources}), 422, "invalid-value")

    assert found["errors"][0]["loc"] == ["body", "source_addresses", 1, "address_metadata"]
    assert found["detail"].startswith("source_addresses.1.address_metadata ")


@pytest.mark.parametrize("wrong", [None, "1", 1.5, True, [], {}, float("nan"), *BEYOND])
def test_a_pipeline_that_is_no_id_is_refused(settled: Wire, wrong: object) -> None:
    found = problem(sent(settled, {"pipeline_id": wrong, "source_addresses": [table("a")]}), 422)

    if str(wrong) != "nan":
        assert [error["loc"] for error in found["errors"]] == [["body", "pipeline_id"]]


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("text/plain", b"{}", 415),
        ("application/json", b"", 422),
        ("application/json", b"[" * 100_000, 422),
        ("application/json", b'{"pipeline_id": 1}', 422),
        ("application/json", b'{"source_addresses": []}', 422),
    ],
)
def test_what_is_no_declaration_is_refused(
    settled: Wire, content_type: str, content: bytes, status: int
) -> None:
    headers = {"content-type": content_type}

    problem(settled.client.post("/address_lineage", content=content, headers=headers), status)


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        ("/address_lineage", {}, "address_id"),
        ("/address_lineage", {"address_id": 1, "name": "a"}, "address_id"),
        ("/address_lineage", {"address_id": 2**63}, "address_id"),
        ("/address_lineage", {"address_id": -(2**63) - 1}, "address_id"),
        ("/address_lineage", {"address_id": "one"}, "address_id"),
        ("/address_lineage", {"address_id": ""}, "address_id"),
        ("/address_lineage", {"name": "a\x00"}, "name"),
        ("/address_lineage", {"name": "x" * 1_001}, "name"),
        ("/address_lineage", {"name": "a", "direction": "sideways"}, "direction"),
        ("/address_lineage", {"name": "a", "direction": ""}, "direction"),
        ("/address_lineage", {"name": "a", "depth": 0}, "depth"),
        ("/address_lineage", {"name": "a", "depth": -1}, "depth"),
        ("/address_lineage", {"name": "a", "depth": 1_001}, "depth"),
        ("/address_lineage", {"name": "a", "depth": 10**400}, "depth"),
        ("/address_lineage", {"name": "a", "depth": "deep"}, "depth"),
        ("/address_lineage", {"name": "a", "limit": 0}, "limit"),
        ("/address_lineage", {"name": "a", "limit": 10_001}, "limit"),
        ("/address_lineage", {"name": "a", "as_of": ""}, "as_of"),
        ("/address_lineage", {"name": "a", "as_of": "yesterday"}, "as_of"),
        ("/address_lineage", {"name": "a", "as_of": "2026-02-30T00:00:00Z"}, "as_of"),
        ("/address_lineage", {"name": "a", "as_of": "0001-01-01T00:00:00+01:00"}, "as_of"),
        ("/address_lineage", {"name": "a", "as_of": "1772366400"}, "as_of"),
        ("/address_lineage", {"name": "a", "as_of": "2026-03-01T00:00:00Z\x00"}, "as_of"),
        ("/address_lineage/path", {"from": 1}, "to"),
        ("/address_lineage/path", {"to": 1}, "from"),
        ("/address_lineage/path", {"from": "a", "to": 1}, "from"),
        ("/address_lineage/path", {"from": 1, "to": 2**63}, "to"),
        ("/address_lineage/path", {"from": 1, "to": 1, "limit": 0}, "limit"),
        ("/address_lineage/path", {"from": 1, "to": 1, "limit": 1_001}, "limit"),
        ("/address_lineage/path", {"from": 1, "to": 1, "as_of": "never"}, "as_of"),
        ("/address/1/impact", {"depth": 1_001}, "depth"),
        ("/address/1/impact", {"limit": 10_001}, "limit"),
        ("/address/1/impact", {"as_of": "never"}, "as_of"),
        (f"/address/{2**63}/impact", {}, "id"),
        ("/address/one/impact", {}, "id"),
        ("/pipeline/1/lineage", {"as_of": "never"}, "as_of"),
        (f"/pipeline/{2**63}/lineage", {}, "id"),
    ],
)
def test_a_question_that_is_wrong_is_refused_by_its_place(
    settled: Wire, path: str, query: Json, place: str
) -> None:
    found = problem(settled.client.get(path, params=query), 422)

    assert [error["loc"][-1] for error in found["errors"]] == [place]


def test_a_name_that_is_no_text_is_nobody(settled: Wire) -> None:
    assert settled.client.get(NOT_UTF8).status_code in (404, 422)


def test_the_bounds_themselves_are_allowed(settled: Wire) -> None:
    graph = settled.around("a", depth=1_000, limit=10_000)

    assert depths(graph) == {"a": 0, "x": 1}
    assert depths(settled.around("a", depth=1, limit=1)) == {"a": 0}
    settled.get("/address_lineage/path", **{"from": 1, "to": 1, "limit": 1_000})
    for identity in (2**63 - 1, -(2**63)):
        problem(settled.client.get("/address_lineage", params={"address_id": identity}), 404)


def test_the_document_tells_the_bounds(client: httpx.Client) -> None:
    document = answer(client.get("/openapi.json"), 200)
    lineage = document["paths"]["/address_lineage"]
    assert lineage["post"]["responses"].keys() == {
        "200", "201", "404", "408", "413", "415", "422", "429", "503",
    }  # fmt: skip
    for path in (
        "/address_lineage",
        "/address_lineage/path",
        "/address/{id}/impact",
        "/pipeline/{id}/lineage",
    ):
        assert document["paths"][path]["get"]["responses"].keys() == {"200", "404", "422", "429", "503"}
    parameters = {each["name"]: each["schema"] for each in lineage["get"]["parameters"]}
    assert parameters.keys() == {"address_id", "name", "direction", "depth", "limit", "as_of"}
    assert parameters["depth"].items() >= {"minimum": 1, "maximum": 1_000, "default": 100}.items()
    assert parameters["limit"].items() >= {"minimum": 1, "maximum": 10_000, "default": 1_000}.items()
    body = document["components"]["schemas"]["LineageBody"]
    assert body["properties"]["source_addresses"]["anyOf"][0]["maxItems"] == 20_000
    assert [each["required"] for each in body["anyOf"]] == [["source_addresses"], ["target_addresses"]]
