"""Questions about the graph of lineage, with the closure at work and without it."""

from itertools import pairwise
from typing import TypedDict, Unpack

import pytest

from tests.contract.world import NOBODY, NOON, World, at, failed, succeeded
from tests.server import execute
from watcher.domain.address import AddressNotFound
from watcher.domain.errors import InvalidValue
from watcher.domain.executions import Status
from watcher.domain.lineage_graph import (
    DEPTH_LIMIT,
    Direction,
    Graph,
    Impact,
    LastRun,
    Owner,
    Paths,
    Route,
    Surroundings,
)

DOWN, UP, BOTH = Direction.DOWNSTREAM, Direction.UPSTREAM, Direction.BOTH


class Bounds(TypedDict, total=False):
    depth: int
    limit: int


@pytest.fixture(params=["as declared", "maintained"])
async def asked(world: World, request: pytest.FixtureRequest) -> World:
    """A world that knows the chain a -> b -> c -> d -> e, and x -> c -> y; maintained or not."""
    for source, target in ("ab", "bc", "cd", "de", "xc", "cy"):
        await world.lineage(await world.pipeline(source + target), [source], [target])
    if request.param == "maintained":
        await world.watcher.maintain_closure()
    return world


def nodes(graph: Graph) -> list[tuple[str, int]]:
    return [(node.name, node.depth) for node in graph.nodes]


def edges(graph: Graph | Paths) -> set[str]:
    names = {node.id: node.name for node in graph.nodes}
    return {names[edge.source] + names[edge.target] for edge in graph.edges}


async def around(world: World, start: str, direction: Direction = BOTH, **bounds: Unpack[Bounds]) -> Graph:
    return await world.watcher.lineage_graph.around(Surroundings(start=start, direction=direction, **bounds))


async def between(world: World, start: str, goal: str, limit: int = 10) -> Paths:
    return await world.watcher.lineage_graph.between(Route(start=start, goal=goal, limit=limit))


def named(paths: Paths) -> list[str]:
    names = {node.id: node.name for node in paths.nodes}
    return ["".join(names[each] for each in path) for path in paths.paths]


async def test_downstream_is_what_an_address_feeds(asked: World) -> None:
    graph = await around(asked, "b", DOWN)
    assert nodes(graph) == [("b", 0), ("c", 1), ("d", 2), ("y", 2), ("e", 3)]
    assert edges(graph) == {"bc", "cd", "de", "cy"}
    assert not graph.truncated


async def test_upstream_is_what_feeds_an_address(asked: World) -> None:
    graph = await around(asked, "d", UP)
    assert sorted(nodes(graph), key=lambda node: (node[1], node[0])) == [
        ("d", 0), ("c", 1), ("b", 2), ("x", 2), ("a", 3)
    ]  # fmt: skip
    assert edges(graph) == {"ab", "bc", "xc", "cd"}


async def test_both_is_upstream_and_downstream_and_nothing_beside(asked: World) -> None:
    graph = await around(asked, "b")
    assert nodes(graph)[0] == ("b", 0)
    assert dict(nodes(graph)) == {"b": 0, "a": 1, "c": 1, "d": 2, "y": 2, "e": 3}


@pytest.mark.parametrize(("depth", "expected"), [(1, "bc"), (2, "bcdy"), (3, "bcdye"), (1_000, "bcdye")])
async def test_no_further_than_the_depth_and_whether_there_is_more_is_said(
    asked: World, depth: int, expected: str
) -> None:
    graph = await around(asked, "b", DOWN, depth=depth)
    assert [node.name for node in graph.nodes] == list(expected)
    assert graph.truncated == (len(expected) < 5)


async def test_what_lies_beyond_the_depth_on_one_side_and_within_on_the_other_is_no_more(
    world: World,
) -> None:
    for source, target in ("ab", "bc", "ca"):
        await world.lineage(await world.pipeline(source + target), [source], [target])
    for _ in range(2):
        assert not (await around(world, "a", depth=1)).truncated
        assert (await around(world, "a", DOWN, depth=1)).truncated
        assert not (await around(world, "a", DOWN, depth=2)).truncated
        await world.watcher.maintain_closure()


@pytest.mark.parametrize(("depth", "seen"), [(1, False), (2, False), (3, True), (4, True)])
async def test_what_changed_since_is_seen_just_as_far(asked: World, depth: int, seen: bool) -> None:
    await asked.lineage(await asked.pipeline("new"), ["c"], ["new"])
    assert (("new", 3) in nodes(await around(asked, "a", DOWN, depth=depth))) == seen
    await asked.lineage(await asked.pipeline("old"), ["old"], ["b"])
    assert (("old", 3) in nodes(await around(asked, "d", UP, depth=depth))) == seen
    await asked.lineage(await asked.pipeline("cd"), ["c"])
    assert ("d", 3) not in nodes(await around(asked, "a", DOWN, depth=depth))


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
async def test_no_more_than_the_limit_the_nearest_first(asked: World, limit: int) -> None:
    graph = await around(asked, "b", DOWN, limit=limit)
    assert [node.name for node in graph.nodes] == list("bcdye"[:limit])
    assert graph.truncated == (limit < 5)
    assert all(pair[0] in "bcdye"[:limit] and pair[1] in "bcdye"[:limit] for pair in edges(graph))


@pytest.mark.parametrize("bounds", [{"depth": 0}, {"depth": 1_001}, {"limit": 0}, {"limit": 10_001}])
def test_questions_beyond_the_bounds_are_refused(bounds: Bounds) -> None:
    with pytest.raises(InvalidValue):
        Surroundings(start=1, **bounds)


def test_no_more_paths_than_the_bound_can_be_asked_for() -> None:
    with pytest.raises(InvalidValue):
        Route(start=1, goal=2, limit=1_001)
    with pytest.raises(InvalidValue):
        Route(start=1, goal=2, limit=0)


@pytest.mark.parametrize("start", [NOBODY, "nowhere"])
async def test_what_is_not_there_has_no_surroundings(asked: World, start: int | str) -> None:
    with pytest.raises(AddressNotFound):
        await asked.watcher.lineage_graph.around(Surroundings(start=start))
    for route in (Route(start=start, goal="a"), Route(start="a", goal=start)):
        with pytest.raises(AddressNotFound):
            await asked.watcher.lineage_graph.between(route)


async def test_an_address_is_found_by_any_spelling_and_by_its_id(asked: World) -> None:
    identity = await asked.address("b")
    by_id = await asked.watcher.lineage_graph.around(Surroundings(start=identity))
    assert await around(asked, "  B ") == by_id
    assert named(await between(asked, "A", " d")) == ["abcd"]


async def test_an_address_without_lineage_is_alone(world: World) -> None:
    await world.address("alone", address_metadata={"a": 1})
    graph = await around(world, "alone")
    assert (nodes(graph), graph.edges, graph.truncated) == ([("alone", 0)], [], False)
    (node,) = graph.nodes
    assert (node.type, node.group, node.metadata) == ("postgres", "database", {"a": 1})


async def test_edges_say_who_owns_them_and_how_that_ran_last(world: World) -> None:
    first, second = await world.pipeline("first"), await world.pipeline("second", pipeline_type_name="copy")
    for pipeline_id in (second, first):
        await world.lineage(pipeline_id, ["a"], ["b"])
    later, sooner = await world.start(first, 10), await world.start(first, 5)
    await world.end(sooner, failed(20))
    await world.pipelines.change(second, {"active": False}, NOON)
    (edge,) = (await around(world, "a")).edges
    running = LastRun(id=later, state=Status.RUNNING, start_date=at(10), end_date=None)
    assert list(edge.pipelines) == [
        Owner(id=first, name="first", type="load", active=True, last_run=running),
        Owner(id=second, name="second", type="copy", active=False, last_run=None),
    ]
    await world.end(later, succeeded(30))
    (edge,) = (await around(world, "a")).edges
    ended = LastRun(id=later, state=Status.SUCCEEDED, start_date=at(10), end_date=at(30))
    assert edge.pipelines[0].last_run == ended


async def test_the_least_depth_counts(world: World) -> None:
    for source, target in ("ab", "bc", "cd", "ad", "de", "db"):
        await world.lineage(await world.pipeline(source + target), [source], [target])
    for _ in range(2):
        assert dict(nodes(await around(world, "a", DOWN))) == {"a": 0, "b": 1, "d": 1, "c": 2, "e": 2}
        assert dict(nodes(await around(world, "b"))) == {"b": 0, "a": 1, "c": 1, "d": 1, "e": 3}
        await world.watcher.maintain_closure()


async def test_the_shortest_paths_are_all_told(world: World) -> None:
    for source, targets in {"a": "bcd", "b": "e", "c": "e", "d": "f", "e": "g", "f": "e"}.items():
        await world.lineage(await world.pipeline(source), [source], list(targets))
    for _ in range(2):
        paths = await between(world, "a", "g")
        assert (paths.length, paths.truncated) == (3, False)
        assert sorted(named(paths)) == ["abeg", "aceg"]
        assert edges(paths) == {"ab", "ac", "be", "ce", "eg"}
        assert {node.name: node.depth for node in paths.nodes} == {"a": 0, "b": 1, "c": 1, "e": 2, "g": 3}
        one = await between(world, "a", "g", limit=1)
        assert (one.paths, one.truncated) == (paths.paths[:1], True)
        await world.watcher.maintain_closure()


async def test_from_an_address_to_itself_there_is_the_empty_path(asked: World) -> None:
    await asked.lineage(await asked.pipeline("round"), ["b"], ["a", "b"])
    paths = await between(asked, "b", "b")
    assert (paths.length, named(paths), edges(paths), paths.truncated) == (0, ["b"], set(), False)


async def test_against_the_stream_there_is_no_path(asked: World) -> None:
    assert await between(asked, "d", "a") == Paths(None, (), (), (), truncated=False)


async def test_impact_is_everything_downstream_by_distance_with_its_writers(asked: World) -> None:
    identity = await asked.pipeline("shortcut")
    await asked.lineage(identity, ["a", "elsewhere"], ["d"])
    impact = Impact.of(await around(asked, "a", DOWN))
    told = [
        (level.depth, [(each.name, [owner.name for owner in each.pipelines]) for each in level.addresses])
        for level in impact.levels
    ]
    assert impact.address.name == "a"
    assert told == [
        (1, [("b", ["ab"]), ("d", ["cd", "shortcut"])]),
        (2, [("c", ["bc"]), ("e", ["de"])]),
        (3, [("y", ["cy"])]),
    ]


CHAINED = """
INSERT INTO address_lineage (pipeline_id, source_address_id, target_address_id, valid_from)
SELECT p.id, one.id, other.id, '2026-03-01 12:00Z'
FROM pipeline AS p, address AS one
INNER JOIN address AS other ON other.name = 'step ' || (substr(one.name, 6)::INTEGER + 1)
"""


async def chained(world: World, length: int) -> None:
    """Addresses `step 0` to `step <length>`, each of which feeds the next."""
    names = [f"step {number}" for number in range(length + 1)]
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, names)
    if world.store == "postgres":
        await execute(world.dsn, CHAINED)
    else:
        ids = [await world.address(name) for name in names]
        world.container.memory_edges().replace(pipeline_id, set(pairwise(ids)), NOON)
    await world.watcher.closure.mark()


async def test_a_path_beyond_the_deepest_search_is_not_denied(world: World) -> None:
    """No path was found, and that is not for sure."""
    await chained(world, DEPTH_LIMIT + 1)
    last = await between(world, "step 0", f"step {DEPTH_LIMIT}")
    assert (last.length, len(last.nodes), last.truncated) == (DEPTH_LIMIT, DEPTH_LIMIT + 1, False)
    beyond = await between(world, "step 0", f"step {DEPTH_LIMIT + 1}")
    assert (beyond.length, beyond.paths, beyond.truncated) == (None, (), True)
    graph = await around(world, "step 0", DOWN, depth=DEPTH_LIMIT, limit=10_000)
    assert (len(graph.nodes), graph.truncated) == (DEPTH_LIMIT + 1, True)
    graph = await around(world, "step 1", DOWN, depth=DEPTH_LIMIT, limit=10_000)
    assert (len(graph.nodes), graph.truncated) == (DEPTH_LIMIT + 1, False)
