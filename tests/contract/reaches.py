"""The closure as it lies in the store, and as networkx finds it."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import asyncpg
import networkx as nx

from tests.contract.world import World
from watcher.domain.closure import Reach
from watcher.domain.lineage_graph import Direction

Graph: TypeAlias = "nx.DiGraph[int]"
Reaches = Mapping[Direction, Mapping[int, Reach | None]]
"""Of each address what it reaches, None where that is too much to be kept."""


def directed(pairs: Iterable[tuple[int, int]], direction: Direction = Direction.DOWNSTREAM) -> Graph:
    """The graph of these edges, along the direction."""
    graph: Graph = nx.DiGraph()
    graph.add_edges_from(pairs)
    return graph if direction is Direction.DOWNSTREAM else graph.reverse()


def reach_of(graph: Graph, start: int) -> dict[int, int]:
    """All that networkx reaches, with its depth; without the start."""
    if start not in graph:
        return {}
    reach = dict(nx.single_source_shortest_path_length(graph, start))
    del reach[start]
    return reach


def true_reaches(pairs: Iterable[tuple[int, int]], limit: int) -> Reaches:
    """The closure of these edges; who reaches nothing is not in it."""
    pairs = list(pairs)
    reaches: dict[Direction, dict[int, Reach | None]] = {}
    for way in Direction.BOTH.single():
        graph = directed(pairs, way)
        found = {start: reach_of(graph, start) for start in graph}
        reaches[way] = {
            start: reach if len(reach) <= limit else None for start, reach in found.items() if reach
        }
    return reaches


async def kept_reaches(world: World) -> Reaches:
    """The closure in the store, in the same words."""
    if world.store == "memory":
        kept = world.container.memory_closure().reaches
        return {
            way: {start: reach for start, reach in side.items() if reach != {}} for way, side in kept.items()
        }
    connection = await asyncpg.connect(world.dsn)
    try:
        return {
            Direction.DOWNSTREAM: await _kept(connection, DOWNSTREAM),
            Direction.UPSTREAM: await _kept(connection, UPSTREAM),
        }
    finally:
        await connection.close()


DOWNSTREAM = """
SELECT coalesce(c.ancestor_id, r.address_id) AS start, r.address_id AS counted, r.downstream AS count,
    array_agg(c.descendant_id) AS reached, array_agg(c.depth) AS depths
FROM (SELECT * FROM address_lineage_closure WHERE downstream) AS c
FULL JOIN address_lineage_reach AS r ON r.address_id = c.ancestor_id
GROUP BY c.ancestor_id, r.address_id
"""
UPSTREAM = """
SELECT coalesce(c.descendant_id, r.address_id) AS start, r.address_id AS counted, r.upstream AS count,
    array_agg(c.ancestor_id) AS reached, array_agg(c.depth) AS depths
FROM (SELECT * FROM address_lineage_closure WHERE upstream) AS c
FULL JOIN address_lineage_reach AS r ON r.address_id = c.descendant_id
GROUP BY c.descendant_id, r.address_id
"""


async def _kept(connection: asyncpg.Connection, query: str) -> Mapping[int, Reach | None]:
    side: dict[int, Reach | None] = {}
    for row in await connection.fetch(query):
        reach = {
            end: depth for end, depth in zip(row["reached"], row["depths"], strict=True) if end is not None
        }
        assert row["counted"] is not None, "rows of a reach that is not counted"
        assert len(reach) == (row["count"] or 0), "another number of rows than counted"
        if reach or row["count"] is None:
            side[row["start"]] = reach if row["count"] is not None else None
    return side
