"""Large answers, encoded in parts."""

import asyncio

import pytest

from watcher.domain.lineage_graph import Edge, Graph, Impact, Node, Owner
from watcher.entrypoints.http.answers import encoded, gently


def graph(nodes: int, depth: int, owners: int) -> Graph:
    """One address that feeds many."""
    placed = [
        Node(id=each, name=f"a{each}", type="t", group="g", metadata={"k": [each]}, depth=min(each, depth))
        for each in range(nodes)
    ]
    pipelines = [Owner(id=each, name="p", type="load", active=True, last_run=None) for each in range(owners)]
    return Graph(placed, [Edge(0, each, pipelines) for each in range(1, nodes)], truncated=True)


@pytest.mark.parametrize("nodes", [1, 2, 100, 101, 250])
@pytest.mark.parametrize("depth", [1, 300])
@pytest.mark.parametrize("owners", [0, 1, 150])
def test_an_answer_in_parts_is_the_whole_answer(nodes: int, depth: int, owners: int) -> None:
    some = graph(nodes, depth, owners)
    for content in (some, Impact.of(some)):
        assert asyncio.run(gently(content)).body == encoded(content)


def test_others_have_their_turn_between_the_parts() -> None:
    async def turns() -> int:
        answering = asyncio.ensure_future(gently(graph(2_000, 1, 1)))
        turns = 0
        while not answering.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(turns()) > 30
