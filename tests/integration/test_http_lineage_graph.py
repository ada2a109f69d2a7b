"""Questions about lineage over HTTP: what is around, the way there, what breaks, what a pipeline reads and writes."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.wire import END, NOBODY, START, Json, Wire, answer, depths, edges, problem, table


@pytest.fixture
def warehouse(wire: Wire) -> Wire:
    """raw -> staging -> mart -> report, and raw -> audit."""
    wire.flows("stage", ["raw"], ["staging"])
    wire.flows("build", ["staging"], ["mart"])
    wire.flows("publish", ["mart"], ["report"])
    wire.flows("watch", ["raw"], ["audit"])
    return wire


def steps(source: int, goal: int) -> dict[str, int]:
    """The query for paths."""
    return {"from": source, "to": goal}


def identity(wire: Wire, name: str) -> int:
    (row,) = wire.get("/address", name=name)
    return int(row["id"])


def just_now() -> str:
    return datetime.now(UTC).isoformat()


def test_the_way_one_asks_is_the_way_one_goes(warehouse: Wire) -> None:
    assert depths(warehouse.around("staging", "upstream")) == {"staging": 0, "raw": 1}
    assert depths(warehouse.around("staging", "downstream")) == {"staging": 0, "mart": 1, "report": 2}
    assert depths(warehouse.around("staging")) == {"staging": 0, "raw": 1, "mart": 1, "report": 2}
    assert depths(warehouse.around("raw")) == {"raw": 0, "staging": 1, "audit": 1, "mart": 2, "report": 3}


def test_an_address_is_named_by_id_or_in_any_spelling(warehouse: Wire) -> None:
    expected = warehouse.around("mart")

    assert warehouse.around("  MART ") == expected
    assert warehouse.get("/address_lineage", address_id=identity(warehouse, "mart")) == expected


def test_nodes_say_what_they_are(wire: Wire) -> None:
    bucket = {"name": "s3://raw", "address_type_name": "S3", "address_type_group_name": "object store"}
    source = bucket | {"address_metadata": {"owner": "ops"}}
    answer(wire.declare_lineage(wire.pipeline(), [source], ["mart"]), 201)

    graph = wire.around("mart")

    assert graph["truncated"] is False
    assert graph["nodes"][1].items() >= {
        "name": "s3://raw",
        "type": "S3",
        "group": "object store",
        "metadata": {"owner": "ops"},
        "depth": 1,
    }.items()  # fmt: skip
    assert graph["nodes"][0].keys() == {"id", "name", "type", "group", "metadata", "depth"}


@pytest.mark.parametrize("succeeded", [None, True, False])
def test_edges_say_whose_they_are_and_how_the_last_run_went(wire: Wire, succeeded: bool | None) -> None:
    pipeline = wire.flows("orders", ["raw"], ["mart"])
    wire.start(pipeline, start_date="2026-02-01T00:00:00Z")
    run = wire.start(pipeline)
    if succeeded is not None:
        wire.end(run, completed_successfully=succeeded)
    answer(wire.patch("/pipeline", {"id": pipeline, "active": False}), 200)

    (edge,) = wire.around("raw")["edges"]

    assert (edge["source"], edge["target"]) == (identity(wire, "raw"), identity(wire, "mart"))
    state = {None: "running", True: "succeeded", False: "failed"}[succeeded]
    end = None if succeeded is None else END
    assert edge["pipelines"] == [
        {
            "id": pipeline,
            "name": "orders",
            "type": "load",
            "active": False,
            "last_run": {"id": run, "state": state, "start_date": START, "end_date": end},
        }
    ]


def test_a_pipeline_that_never_ran_has_no_last_run(warehouse: Wire) -> None:
    assert warehouse.around("report")["edges"][0]["pipelines"][0]["last_run"] is None


def test_depth_and_limit_cut_where_they_say(warehouse: Wire) -> None:
    near = warehouse.around("raw", "downstream", depth=2)
    assert depths(near) == {"raw": 0, "staging": 1, "audit": 1, "mart": 2}
    assert near["truncated"] is True
    assert warehouse.around("raw", "downstream", depth=3)["truncated"] is False
    few = warehouse.around("raw", "downstream", limit=3)
    assert (depths(few), few["truncated"]) == ({"raw": 0, "staging": 1, "audit": 1}, True)
    assert edges(few) == {("raw", "staging"): ["stage"], ("raw", "audit"): ["watch"]}
    assert warehouse.around("raw", "downstream", limit=5)["truncated"] is False


def test_a_hundred_steps_are_no_limit(wire: Wire) -> None:
    for step in range(150):
        wire.flows(f"p{step}", [f"t{step}"], [f"t{step + 1}"])

    near = wire.around("t0", "downstream")
    assert (depths(near), near["truncated"]) == ({f"t{step}": step for step in range(101)}, True)
    impact = wire.get(f"/address/{identity(wire, 't0')}/impact")
    assert ([level["depth"] for level in impact["levels"]], impact["truncated"]) == ([*range(1, 151)], False)
    assert len(wire.around("t150", "upstream", depth=1_000)["nodes"]) == 151
    path = wire.get("/address_lineage/path", **steps(identity(wire, "t0"), identity(wire, "t150")))
    assert path["length"] == 150


def test_the_past_is_as_it_was_declared(wire: Wire) -> None:
    before = just_now()
    pipeline = wire.flows("orders", ["a"], ["x"])
    then = just_now()
    answer(wire.declare_lineage(pipeline, ["b"], ["x"]), 201)

    assert edges(wire.around("x", as_of=then)) == {("a", "x"): ["orders"]}
    assert edges(wire.around("x", as_of=just_now())) == edges(wire.around("x")) == {("b", "x"): ["orders"]}
    assert edges(wire.around("x", as_of=before)) == {}
    a, b, x = (identity(wire, name) for name in "abx")
    for source, expected in ((a, 1), (b, None)):
        path = wire.get("/address_lineage/path", **steps(source, x), as_of=then)
        assert path["length"] == expected
    assert [level["depth"] for level in wire.get(f"/address/{a}/impact", as_of=then)["levels"]] == [1]
    lineage = f"/pipeline/{pipeline}/lineage"
    assert [place["name"] for place in wire.get(lineage, as_of=then)["sources"]] == ["a"]
    assert [place["name"] for place in wire.get(lineage)["sources"]] == ["b"]
    assert wire.get(lineage, as_of=before)["declared_at"] is None


def test_an_instant_may_be_written_with_any_offset(wire: Wire) -> None:
    wire.flows("orders", ["a"], ["x"])
    later = datetime.now(UTC) + timedelta(hours=1)

    for text in (
        later.strftime("%Y-%m-%dT%H:%M:%SZ"),
        later.strftime("%Y-%m-%dT%H:%M:%S"),
        later.isoformat(),
    ):
        assert depths(wire.around("a", as_of=text)) == {"a": 0, "x": 1}


def test_the_shortest_paths_are_found(wire: Wire) -> None:
    wire.flows("fork", ["a"], ["left", "right"])
    wire.flows("join", ["left", "right"], ["z"])
    wire.flows("detour", ["right"], ["far"])
    wire.flows("home", ["far"], ["z"])
    ids = {name: identity(wire, name) for name in ("a", "left", "right", "far", "z")}
    ends = steps(ids["a"], ids["z"])

    found = wire.get("/address_lineage/path", **ends)

    paths = sorted([ids["a"], ids[middle], ids["z"]] for middle in ("left", "right"))
    assert (found["length"], found["paths"], found["truncated"]) == (2, paths, False)
    assert depths(found) == {"a": 0, "left": 1, "right": 1, "z": 2}
    assert len(edges(found)) == 4
    one = wire.get("/address_lineage/path", **ends, limit=1)
    assert (len(one["paths"]), one["truncated"]) == (1, True)


def test_where_there_is_no_way_there_is_no_path(warehouse: Wire) -> None:
    mart, raw = identity(warehouse, "mart"), identity(warehouse, "raw")

    assert warehouse.get("/address_lineage/path", **steps(mart, raw)) == {
        "length": None, "paths": [], "nodes": [], "edges": [], "truncated": False,
    }  # fmt: skip
    found = warehouse.get("/address_lineage/path", **steps(raw, raw))
    assert (found["length"], found["paths"]) == (0, [[raw]])


def test_the_impact_is_told_by_distance_with_who_writes_it(warehouse: Wire) -> None:
    warehouse.flows("other", ["elsewhere"], ["mart"])

    found = warehouse.get(f"/address/{identity(warehouse, 'raw')}/impact")

    assert found["address"]["name"] == "raw"
    assert found["truncated"] is False
    levels = {
        level["depth"]: {
            row["name"]: [writer["name"] for writer in row["pipelines"]] for row in level["addresses"]
        }
        for level in found["levels"]
    }
    assert levels == {
        1: {"staging": ["stage"], "audit": ["watch"]},
        2: {"mart": ["build"]},
        3: {"report": ["publish"]},
    }
    assert warehouse.get(f"/address/{identity(warehouse, 'report')}/impact")["levels"] == []


def test_a_pipeline_tells_its_sources_and_targets(wire: Wire) -> None:
    pipeline = wire.pipeline()
    nothing: Json = {"pipeline_id": pipeline, "declared_at": None, "sources": [], "targets": []}
    assert wire.get(f"/pipeline/{pipeline}/lineage") == nothing

    answer(wire.declare_lineage(pipeline, ["a", "b"], [table("x", address_metadata={"k": 1})]), 201)

    found = wire.get(f"/pipeline/{pipeline}/lineage")
    assert found["pipeline_id"] == pipeline
    assert found["declared_at"].endswith("Z")
    assert sorted(place["name"] for place in found["sources"]) == ["a", "b"]
    assert found["targets"] == [
        {
            "id": identity(wire, "x"),
            "name": "x",
            "type": "postgres",
            "group": "database",
            "metadata": {"k": 1},
        }
    ]


@pytest.mark.parametrize(
    ("path", "query", "slug"),
    [
        ("/address_lineage", {"address_id": NOBODY}, "address-not-found"),
        ("/address_lineage", {"name": "nobody"}, "address-not-found"),
        ("/address_lineage/path", {"from": NOBODY, "to": 1}, "address-not-found"),
        ("/address_lineage/path", {"from": 1, "to": NOBODY}, "address-not-found"),
        (f"/address/{NOBODY}/impact", {}, "address-not-found"),
        (f"/pipeline/{NOBODY}/lineage", {}, "pipeline-not-found"),
    ],
)
def test_what_is_not_there_is_not_found(wire: Wire, path: str, query: Json, slug: str) -> None:
    wire.address()

    for as_of in ({}, {"as_of": just_now()}):
        problem(wire.client.get(path, params=query | as_of), 404, slug)
