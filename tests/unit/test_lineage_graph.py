"""What a graph of lineage means for an address."""

from collections.abc import Iterable

from watcher.domain.lineage_graph import Direction, Edge, Graph, Impact, Node, Owner


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
