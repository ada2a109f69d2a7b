"""The shortest paths: found from both ends, never denied, and never a search without an end."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from time import perf_counter

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.domain import lineage_paths
from watcher.domain.lineage_graph import Direction
from watcher.domain.lineage_paths import Found, Search, reached, spelled_out
from watcher.domain.lineage_walks import Depths, Pairs, Walk, nearest, owned_by, shown_pairs, walked

Edges = Iterable[tuple[int, int]]


class Graph:
    """`Steps` over some edges, each owned by one pipeline."""

    def __init__(self, edges: Edges) -> None:
        self.edges = sorted(set(edges))
        self.rounds = 0
        self.down: defaultdict[int, set[int]] = defaultdict(set)
        self.up: defaultdict[int, set[int]] = defaultdict(set)
        for source, target in self.edges:
            self.down[source].add(target)
            self.up[target].add(source)

    async def walked(self, walk: Walk) -> Depths:
        self.rounds += 1
        side = self.down if walk.direction is Direction.DOWNSTREAM else self.up
        return walked(walk, lambda each: side.get(each, ()))

    async def pairs(self, sources: Sequence[int], targets: Sequence[int], limit: int) -> Pairs:
        self.rounds += 1
        befores, afters = set(sources), set(targets)
        between = (pair for pair in self.edges if pair[0] in befores and pair[1] in afters)
        return shown_pairs((owned_by(pair, [1]) for pair in between), limit)


def found(edges: Edges | Graph, start: int, goal: int, limit: int = 1_000) -> Found:
    steps = edges if isinstance(edges, Graph) else Graph(edges)
    return asyncio.run(Search(steps, start, goal).found(limit))


def layered(count: int, width: int) -> tuple[list[tuple[int, int]], int]:
    """From 0 through layers, each of which feeds all of the next, to the goal."""
    layers = [[0], *([1 + layer * width + each for each in range(width)] for layer in range(count))]
    goal = 1 + count * width
    layers.append([goal])
    return [(one, other) for here, there in pairwise(layers) for one in here for other in there], goal


def check_whole(answer: Found, edges: Edges, start: int, goal: int) -> None:
    """Every path leads from start to goal, and everything else that is shown is on such a path."""
    shown = {(pair.source, pair.target) for pair in answer.pairs}
    assert shown <= set(edges)
    assert answer.length is not None
    assert answer.paths
    for path in answer.paths:
        assert (path[0], path[-1], len(path)) == (start, goal, answer.length + 1)
        assert shown.issuperset(pairwise(path))
    assert answer.places.keys() == {start, goal} | {each for pair in shown for each in pair}
    for each, place in answer.places.items():
        assert place == 0 or any(target == each for _, target in shown)
        assert place == answer.length or any(source == each for source, _ in shown)


def test_paths_are_spelled_out_in_order() -> None:
    places = {1: 0, 3: 1, 2: 1, 4: 2}
    edges = [(1, 3), (1, 2), (2, 4), (3, 4), (2, 3), (4, 1), (1, 4)]
    assert spelled_out(places, edges, 1, 4, 10) == ([[1, 2, 4], [1, 3, 4]], False)
    assert spelled_out(places, edges, 1, 4, 1) == ([[1, 2, 4]], True)
    assert spelled_out(places, edges, 1, 4, 2) == ([[1, 2, 4], [1, 3, 4]], False)


def test_of_an_address_to_itself_there_is_the_empty_path() -> None:
    assert spelled_out({1: 0}, [(1, 1)], 1, 1, 10) == ([[1]], False)
    assert found([(1, 1), (1, 2), (2, 1)], 1, 1) == Found(0, {1: 0}, [], [[1]], truncated=False)


def test_the_first_of_very_many_paths_take_no_time() -> None:
    """Ten to the twentieth of them: twenty layers of ten, each of which feeds the next."""
    edges, goal = layered(20, 10)
    begin = perf_counter()
    answer = found(edges, 0, goal)
    assert perf_counter() - begin < 1
    assert (len(answer.paths), len(set(map(tuple, answer.paths))), answer.truncated) == (1_000, 1_000, True)
    assert list(answer.paths) == sorted(map(list, answer.paths))
    check_whole(answer, edges, 0, goal)


@pytest.mark.parametrize("left", [0, 1])
def test_where_edges_are_missing_dead_ends_take_no_time(left: int) -> None:
    """Of twenty layers of fifty nearly nothing leads into the last."""
    edges, goal = layered(20, 50)
    last = [pair for pair in edges if pair[1] == goal]
    edges = [pair for pair in edges if pair[1] != goal] + last[len(last) - left :]
    places = {0: 0, goal: 21} | {each: 1 + (each - 1) // 50 for each in range(1, 1_001)}
    begin = perf_counter()
    paths, more = spelled_out(places, edges, 0, goal, 10)
    assert perf_counter() - begin < 1
    assert (len(paths), more) == (10 * left, left == 1)


def test_a_way_through_more_addresses_than_are_shown_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage_paths, "NODES_LIMIT", 50)
    edges, goal = layered(1, 51)
    answer = found(edges, 0, goal)
    assert (answer.length, len(answer.places), len(answer.paths), answer.truncated) == (2, 50, 48, True)
    assert answer.paths == [[0, each, goal] for each in range(1, 49)], "the oldest"
    check_whole(answer, edges, 0, goal)
    edges, goal = layered(1, 48)
    answer = found(edges, 0, goal)
    assert (len(answer.places), len(answer.paths), answer.truncated) == (50, 48, False)


def test_ways_along_more_edges_than_are_shown_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage_paths, "EDGES_SHOWN", 1_200)
    edges, goal = layered(5, 50)
    answer = found(edges, 0, goal)
    assert (answer.length, answer.truncated) == (6, True)
    assert len(answer.pairs) <= 1_200
    check_whole(answer, edges, 0, goal)


def test_edges_between_those_on_the_paths_that_are_no_step_do_not_cut_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lineage_paths, "EDGES_SHOWN", 1_000)
    forth = [(each, each + 1) for each in range(50)]
    back = [(each, before) for each in range(51) for before in range(each)]
    answer = found([*forth, *back], 0, 50)
    assert (answer.length, len(answer.pairs), answer.paths, answer.truncated) == (
        50,
        50,
        [[*range(51)]],
        False,
    )


def test_paths_are_only_so_long_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage_paths, "PATHS_LENGTH", 45)
    edges, goal = layered(8, 3)
    answer = found(edges, 0, goal)
    assert (len(answer.paths), answer.truncated) == (4, True)
    monkeypatch.setattr(lineage_paths, "PATHS_LENGTH", 5)
    assert len(found(edges, 0, goal).paths) == 1


def test_the_search_goes_on_where_there_is_less_to_see() -> None:
    crowd = range(1_000, 1_000 + lineage_paths.WALK_LIMIT + 10)
    before = [(each, 3) for each in crowd]
    after = [(1, each) for each in crowd]
    for edges in ([(1, 2), (2, 3), (3, 4), *before], [(0, 1), (1, 2), (2, 3), (3, 4), *after]):
        answer = found(edges, edges[0][0], 4)
        assert (answer.paths, answer.truncated) == ([[*range(edges[0][0], 5)]], False)


def test_a_search_that_was_given_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage_paths, "WALK_LIMIT", 100)
    monkeypatch.setattr(lineage_paths, "NEAR", 1)
    edges, goal = layered(3, 60)
    assert found(edges, 0, goal).length == 4, "both ends go two steps"
    edges, goal = layered(4, 60)
    assert found(edges, 0, goal) == Found(None, {}, (), (), truncated=True)
    assert found(edges, goal, 0) == Found(None, {}, (), (), truncated=False)


def test_a_long_chain_takes_few_rounds() -> None:
    graph = Graph(pairwise(range(1_001)))
    answer = found(graph, 0, 1_000)
    assert (answer.length, answer.truncated) == (1_000, False)
    assert graph.rounds <= 60
    assert found(pairwise(range(1_002)), 0, 1_001) == Found(None, {}, (), (), truncated=True)


graphs = st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=50)
ends = st.integers(0, 11)


@given(graphs, ends, st.integers(1, 8), st.integers(1, 12), st.integers(1, 3))
def test_a_walk_in_strides_finds_what_one_in_one_go_does(
    edges: set[tuple[int, int]], start: int, depth: int, limit: int, stride: int
) -> None:
    walk = Walk(starts=[start], direction=Direction.DOWNSTREAM, depth=depth, limit=limit)
    graph = Graph(edges)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lineage_paths, "STRIDE", stride)
        patched.setattr(lineage_paths, "NEAR", 2)
        strides = asyncio.run(reached(graph, walk))
    assert nearest([strides], depth - 1, limit) == nearest(
        [asyncio.run(graph.walked(walk))], depth - 1, limit
    )


@given(graphs, ends, ends, st.integers(1, 3), st.integers(1, 4))
def test_the_shortest_paths_are_those_of_networkx(
    edges: set[tuple[int, int]], start: int, goal: int, stride: int, near: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lineage_paths, "STRIDE", stride)
        patched.setattr(lineage_paths, "NEAR", near)
        answer = found(edges, start, goal)
    graph: nx.DiGraph[int] = nx.DiGraph(list(edges))
    graph.add_nodes_from((start, goal))
    if not nx.has_path(graph, start, goal):
        assert answer == Found(None, {}, (), (), truncated=False)
        return
    expected = sorted(nx.all_shortest_paths(graph, start, goal))
    assert (answer.paths, answer.truncated) == (expected, False)
    assert answer.places == {each: place for path in expected for place, each in enumerate(path)}
    assert {(pair.source, pair.target) for pair in answer.pairs} == {
        step for path in expected for step in pairwise(path)
    }


@given(graphs, ends, ends, st.tuples(st.integers(2, 12), st.integers(1, 10), st.integers(1, 20)))
def test_a_goal_that_is_found_is_shown_with_whole_shortest_paths(
    edges: set[tuple[int, int]], start: int, goal: int, bounds: tuple[int, int, int]
) -> None:
    nodes, shown, length = bounds
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lineage_paths, "NODES_LIMIT", nodes)
        patched.setattr(lineage_paths, "EDGES_SHOWN", shown)
        patched.setattr(lineage_paths, "PATHS_LENGTH", length)
        answer = found(edges, start, goal)
    whole = found(edges, start, goal)
    assert answer.length == whole.length
    if whole.length is None:
        return
    check_whole(answer, edges, start, goal)
    assert len(answer.places) <= max(nodes, whole.length + 1)
    assert {tuple(path) for path in answer.paths} <= {tuple(path) for path in whole.paths}
    assert answer.truncated == (
        (answer.places, answer.pairs, answer.paths) != (whole.places, whole.pairs, whole.paths)
    )
