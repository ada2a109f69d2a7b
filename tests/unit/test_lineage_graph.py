"""Walks over a graph, and the shortest paths on it."""

from collections.abc import Iterable
from itertools import pairwise
from time import perf_counter

import pytest

from watcher.domain.lineage_graph import (
    Direction,
    Edge,
    Graph,
    Impact,
    Node,
    Owner,
    Walk,
    nearest,
    on_the_way,
    spelled_out,
    walked,
)

STEPS = {1: {2, 3}, 2: {4}, 3: {4, 3}, 4: {5, 1}, 5: set[int]()}


def walk(depth: int = 10, limit: int = 10, goal: int | None = None) -> dict[int, int]:
    return walked(
        Walk(start=1, direction=Direction.DOWNSTREAM, depth=depth, limit=limit, goal=goal),
        lambda each: STEPS[each],
    )


def test_a_walk_finds_everyone_once_at_the_least_depth() -> None:
    assert walk() == {1: 0, 2: 1, 3: 1, 4: 2, 5: 3}


def test_a_walk_ends_at_its_depth() -> None:
    assert walk(depth=1) == {1: 0, 2: 1, 3: 1}


def test_a_walk_ends_after_the_level_that_goes_beyond_its_limit() -> None:
    assert walk(limit=2) == {1: 0, 2: 1, 3: 1}
    assert walk(limit=3) == {1: 0, 2: 1, 3: 1, 4: 2}


def test_a_walk_ends_with_the_level_of_its_goal() -> None:
    assert walk(goal=2) == {1: 0, 2: 1, 3: 1}
    assert walk(goal=1) == {1: 0}


@pytest.mark.parametrize(
    ("depth", "limit", "cut"), [(10, 10, False), (4, 5, False), (3, 5, True), (10, 4, True), (2, 10, True)]
)
def test_a_walk_knows_whether_it_ended_at_its_own_bounds(depth: int, limit: int, cut: bool) -> None:
    bounds = Walk(start=1, direction=Direction.DOWNSTREAM, depth=depth, limit=limit)
    assert bounds.cut_short(walked(bounds, lambda each: STEPS[each])) == cut


def test_the_nearest_come_first_and_of_those_the_oldest() -> None:
    assert nearest([{9: 0, 4: 2, 3: 1}, {9: 0, 2: 2, 3: 3}], 3) == ({9: 0, 3: 1, 2: 2}, True)
    assert nearest([{9: 0, 4: 2}], 2) == ({9: 0, 4: 2}, False)
    assert nearest([], 2) == ({}, False)


def test_on_the_way_is_who_is_as_near_to_both_ends_as_the_ends_are_to_each_other() -> None:
    down = {1: 0, 2: 1, 3: 1, 4: 2, 6: 2}
    up = {4: 0, 2: 1, 3: 1, 1: 2, 7: 1}
    assert on_the_way(down, up, 4) == {1: 0, 2: 1, 3: 1, 4: 2}


def test_without_a_path_nobody_is_on_the_way() -> None:
    assert on_the_way({1: 0}, {4: 0}, 4) == {}


def test_of_an_address_to_itself_only_that_is_on_the_way() -> None:
    assert on_the_way({1: 0, 2: 1}, {1: 0}, 1) == {1: 0}
    assert spelled_out({1: 0}, [(1, 1)], 1, 1, 10) == ([[1]], False)


def test_paths_are_spelled_out_in_order() -> None:
    depths = {1: 0, 3: 1, 2: 1, 4: 2}
    edges = [(1, 3), (1, 2), (2, 4), (3, 4), (2, 3), (4, 1), (1, 4)]
    assert spelled_out(depths, edges, 1, 4, 10) == ([[1, 2, 4], [1, 3, 4]], False)
    assert spelled_out(depths, edges, 1, 4, 1) == ([[1, 2, 4]], True)
    assert spelled_out(depths, edges, 1, 4, 2) == ([[1, 2, 4], [1, 3, 4]], False)


def test_the_first_of_very_many_paths_take_no_time() -> None:
    """Ten to the twentieth of them: twenty layers of ten, each of which feeds the next."""
    layers = [[0], *([layer * 10 + each for each in range(1, 11)] for layer in range(20)), [999]]
    depths = {each: depth for depth, layer in enumerate(layers) for each in layer}
    edges = [(one, other) for here, there in pairwise(layers) for one in here for other in there]
    begin = perf_counter()
    paths, more = spelled_out(depths, edges, 0, 999, 1_000)
    assert perf_counter() - begin < 1
    assert (len(paths), len({tuple(path) for path in paths}), more) == (1_000, 1_000, True)
    assert paths == sorted(paths)
    assert all(len(path) == 22 for path in paths)


def owners(*identities: int) -> list[Owner]:
    return [Owner(id=each, name=f"p{each}", type="load", active=True, last_run=None) for each in identities]


def graph(edges: Iterable[Edge], depths: dict[int, int]) -> Graph:
    nodes = [
        Node(id=each, name=f"a{each}", type="t", group="g", metadata=None, depth=depth)
        for each, depth in depths.items()
    ]
    return Graph(nodes, list(edges), truncated=True)


def test_impact_lists_by_depth_and_names_each_writer_once() -> None:
    edges = [Edge(1, 2, owners(7, 8)), Edge(1, 3, owners(8)), Edge(2, 3, owners(7, 8)), Edge(3, 1, owners(9))]
    impact = Impact.of(graph(edges, {1: 0, 2: 1, 3: 1}))
    assert (impact.address.id, impact.truncated) == (1, True)
    (level,) = impact.levels
    assert level.depth == 1
    assert [(each.id, [owner.id for owner in each.pipelines]) for each in level.addresses] == [
        (2, [7, 8]),
        (3, [7, 8]),
    ]


def test_the_impact_of_what_feeds_nobody_is_nothing() -> None:
    assert Impact.of(graph([Edge(1, 1, owners(7))], {1: 0})).levels == []


def test_opposite_directions() -> None:
    assert [each.opposite() for each in Direction] == [
        Direction.DOWNSTREAM,
        Direction.UPSTREAM,
        Direction.BOTH,
    ]
