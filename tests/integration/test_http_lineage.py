"""Declaring lineage over HTTP: what a pipeline reads and writes, once, again, otherwise, together with others."""

from collections.abc import Sequence

import pytest

from tests.integration.wire import NOBODY, Json, Wire, answer, depths, edges, problem, table

SOURCES, TARGETS = ["shop.sales.orders", "shop.sales.items", "s.c.u"], ["dwh.sales.orders", "dwh.sales.facts"]


def declared(wire: Wire, pipeline: int, sources: Sequence[str], targets: Sequence[str]) -> Json:
    """The answer to a declaration that replaces what was declared before."""
    found: Json = answer(wire.declare_lineage(pipeline, sources, targets), 201)
    return found


def test_every_source_feeds_every_target(wire: Wire) -> None:
    pipeline = wire.pipeline()

    found = declared(wire, pipeline, SOURCES, TARGETS)

    assert found == {
        "pipeline_id": pipeline,
        "lineage_relationships_created": 6,
        "message": "The lineage was replaced: 6 relationships created, 0 ended.",
    }
    for target in TARGETS:
        upstream = wire.around(target, "upstream")
        assert edges(upstream) == {(source, target): ["orders"] for source in SOURCES}


def test_an_unchanged_declaration_writes_nothing(wire: Wire) -> None:
    pipeline = wire.pipeline()
    declared(wire, pipeline, SOURCES, TARGETS)
    before = wire.fingerprint()

    again = answer(wire.declare_lineage(pipeline, SOURCES, TARGETS), 200)
    otherwise_spelled = [f"  {name.upper()}" for name in (*reversed(SOURCES), SOURCES[0])]
    answer(wire.declare_lineage(pipeline, otherwise_spelled, reversed(TARGETS)), 200)

    assert again == {
        "pipeline_id": pipeline,
        "lineage_relationships_created": 0,
        "message": "The lineage is the one declared before: nothing changed.",
    }
    assert wire.fingerprint() == before


def test_a_changed_declaration_replaces_the_one_before(wire: Wire) -> None:
    pipeline = wire.pipeline()
    declared(wire, pipeline, ["a", "b"], ["x"])

    found = declared(wire, pipeline, ["b", "c"], ["x"])

    assert found["lineage_relationships_created"] == 1
    assert found["message"] == "The lineage was replaced: 1 relationship created, 1 ended."
    assert edges(wire.around("x", "upstream")) == {("b", "x"): ["orders"], ("c", "x"): ["orders"]}
    assert depths(wire.around("a", "downstream")) == {"a": 0}


def test_addresses_and_their_types_are_created_and_changed_as_declared(wire: Wire) -> None:
    pipeline = wire.pipeline()
    source = {"name": "s3://raw/orders", "address_type_name": "S3", "address_type_group_name": "files"}

    answer(wire.declare_lineage(pipeline, [source], [table("dwh.sales.orders", primary_key="id")]), 201)
    by_name = {row["name"]: row for row in wire.get("/address")}
    assert by_name["dwh.sales.orders"].items() >= {
        "database_name": "dwh",
        "schema_name": "sales",
        "table_name": "orders",
        "primary_key": "id",
        "address_metadata": None,
        "updated_at": None,
    }.items()  # fmt: skip
    types = {row["name"]: row["group_name"] for row in wire.get("/address_type")}
    assert types == {"S3": "files", "postgres": "database"}

    changed = source | {"address_metadata": {"owner": "ops"}, "address_type_group_name": "object store"}
    found = answer(wire.declare_lineage(pipeline, [changed], ["dwh.sales.orders"]), 201)

    assert found["lineage_relationships_created"] == 0
    (row,) = wire.get("/address", name="s3://raw/orders")
    assert row["address_metadata"] == {"owner": "ops"}
    assert row["updated_at"] is not None
    assert wire.get(f"/address_type/{row['address_type_id']}")["group_name"] == "object store"


def test_what_an_operator_patched_survives_an_unchanged_declaration(wire: Wire) -> None:
    pipeline = wire.flows("orders", ["a"], ["x"])
    patch = {"name": "a", "address_metadata": {"owner": "ops"}}
    answer(wire.patch("/address", patch), 200)

    answer(wire.declare_lineage(pipeline, ["a"], ["x"]), 200)

    assert wire.get("/address", name="a")[0]["address_metadata"] == {"owner": "ops"}


def test_a_pipeline_that_does_not_load_lineage_declares_none(wire: Wire) -> None:
    pipeline = wire.pipeline()
    declared(wire, pipeline, ["a"], ["x"])
    answer(wire.patch("/pipeline", {"id": pipeline, "load_lineage": False}), 200)
    before = wire.fingerprint()

    found = answer(wire.declare_lineage(pipeline, ["b"], ["y"]), 200)

    assert found["pipeline_id"] == pipeline
    assert found["lineage_relationships_created"] == 0
    assert "load_lineage is false" in found["message"]
    assert wire.fingerprint() == before
    answer(wire.patch("/pipeline", {"id": pipeline, "load_lineage": True}), 200)
    declared(wire, pipeline, ["b"], ["y"])


def test_the_first_success_ends_the_loading(wire: Wire) -> None:
    pipeline = wire.pipeline()
    wire.end(wire.start(pipeline))

    assert "load_lineage" in answer(wire.declare_lineage(pipeline, ["a"], ["x"]), 200)["message"]
    assert wire.get("/address") == []


def test_an_unknown_pipeline_declares_nothing(wire: Wire) -> None:
    found = problem(wire.declare_lineage(NOBODY, ["a"], ["x"]), 404, "pipeline-not-found")

    assert str(NOBODY) in found["detail"]
    assert wire.get("/address") == []


@pytest.mark.parametrize(
    "lists",
    [
        {},
        {"source_addresses": []},
        {"target_addresses": None},
        {"source_addresses": [], "target_addresses": []},
        {"source_addresses": None, "target_addresses": None},
    ],
)
def test_a_declaration_of_nothing_is_refused(wire: Wire, lists: Json) -> None:
    found = problem(wire.post("/address_lineage", {"pipeline_id": wire.pipeline()} | lists), 422)

    assert [error["loc"] for error in found["errors"]] == [["body", "source_addresses"]]
    assert "must not both be empty" in found["detail"]


@pytest.mark.parametrize("absent", [{}, {"target_addresses": None}, {"target_addresses": []}])
def test_a_pipeline_may_only_read(wire: Wire, absent: Json) -> None:
    pipeline = wire.pipeline()

    body = {"pipeline_id": pipeline, "source_addresses": [table("a")]} | absent
    assert answer(wire.post("/address_lineage", body), 201)["lineage_relationships_created"] == 0

    lineage = wire.get(f"/pipeline/{pipeline}/lineage")
    assert [place["name"] for place in lineage["sources"]] == ["a"]
    assert lineage["targets"] == []


def test_a_pipeline_may_only_write(wire: Wire) -> None:
    pipeline = wire.pipeline()
    declared(wire, pipeline, ["a"], ["x"])

    found = declared(wire, pipeline, [], ["x"])

    assert found["message"] == "The lineage was replaced: 0 relationships created, 1 ended."
    assert depths(wire.around("x")) == {"x": 0}
    assert [place["name"] for place in wire.get(f"/pipeline/{pipeline}/lineage")["targets"]] == ["x"]


def test_two_pipelines_own_an_edge_until_the_last_drops_it(wire: Wire) -> None:
    first, second = wire.flows("first", ["a"], ["x"]), wire.flows("second", ["A "], ["X"])
    assert edges(wire.around("a")) == {("a", "x"): ["first", "second"]}

    declared(wire, first, ["b"], ["x"])
    assert edges(wire.around("a")) == {("a", "x"): ["second"]} | {}

    declared(wire, second, ["b"], ["x"])
    assert depths(wire.around("a")) == {"a": 0}
    assert edges(wire.around("b")) == {("b", "x"): ["first", "second"]}


def test_an_address_may_feed_itself(wire: Wire) -> None:
    wire.flows("upsert", ["t", "a"], [" t "])

    for direction in ("upstream", "downstream", "both"):
        assert edges(wire.around("t", direction))[("t", "t")] == ["upsert"]
        assert depths(wire.around("t", direction))["t"] == 0
    assert wire.get("/address/1/impact")["address"]["depth"] == 0


def test_queries_over_cycles_end(wire: Wire) -> None:
    for turn in range(5):
        wire.flows(f"p{turn}", [f"t{turn}"], [f"t{(turn + 1) % 5}"])

    assert depths(wire.around("t0", "downstream")) == {f"t{turn}": turn for turn in range(5)}
    assert depths(wire.around("t0", "upstream")) == {f"t{turn}": -turn % 5 for turn in range(5)}
    assert depths(wire.around("t0", "both")) == {"t0": 0, "t1": 1, "t4": 1, "t2": 2, "t3": 2}
    assert len(wire.around("t0")["edges"]) == 5


def test_of_an_address_named_twice_the_last_word_counts(wire: Wire) -> None:
    sources = [table("a", primary_key="first"), table("A", primary_key="second")]

    found = answer(
        wire.declare_lineage(wire.pipeline(), sources, [table("a ", primary_key="third"), "x"]), 201
    )

    assert found["lineage_relationships_created"] == 2
    assert [(row["name"], row["primary_key"]) for row in wire.get("/address", name="a")] == [
        ("a ".strip(), "third")
    ]
