"""Questions about the graph of lineage: what is upstream, what breaks downstream, how does one get to the other."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watcher.domain.clock import in_utc
from watcher.domain.errors import InvalidValue
from watcher.domain.executions import Status
from watcher.domain.lineage import Place
from watcher.domain.text import Reference

DEPTH_DEFAULT, DEPTH_LIMIT = 100, 1_000
NODES_DEFAULT, NODES_LIMIT = 1_000, 10_000
PATHS_DEFAULT, PATHS_LIMIT = 10, 1_000
EDGES_SHOWN, OWNERS_SHOWN = 100_000, 100
"""Edges in an answer, each counted once for every pipeline shown with it, and pipelines with one edge."""


class Direction(StrEnum):
    """Which way along the edges."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"

    def single(self) -> Sequence["Direction"]:
        return (Direction.DOWNSTREAM, Direction.UPSTREAM) if self is Direction.BOTH else (self,)

    def opposite(self) -> "Direction":
        return OPPOSITES[self]


OPPOSITES = {
    Direction.UPSTREAM: Direction.DOWNSTREAM,
    Direction.DOWNSTREAM: Direction.UPSTREAM,
    Direction.BOTH: Direction.BOTH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The question for what lies around an address. `as_of` asks for a past instant, None for the present.

    At most `limit` addresses, the start among them, the nearest first and of those equally near the oldest.
    Raises `InvalidValue`.
    """

    start: Reference
    direction: Direction = Direction.BOTH
    depth: int = DEPTH_DEFAULT
    limit: int = NODES_DEFAULT
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        checked_bound("depth", self.depth, DEPTH_LIMIT)
        checked_bound("limit", self.limit, NODES_LIMIT)
        if self.as_of is not None:
            object.__setattr__(self, "as_of", in_utc("as_of", self.as_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The question for the shortest paths between two addresses, at most `limit` of them."""

    start: Reference
    goal: Reference
    limit: int = PATHS_DEFAULT
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        checked_bound("limit", self.limit, PATHS_LIMIT)
        if self.as_of is not None:
            object.__setattr__(self, "as_of", in_utc("as_of", self.as_of))


def checked_bound(field: str, number: int, most: int) -> None:
    """Raises `InvalidValue` beyond 1 to `most`."""
    if not 1 <= number <= most:
        raise InvalidValue(field, f"must be between 1 and {most:,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Place):
    """An address in a graph; `depth` is the least number of edges from the start, which has 0."""

    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The run of a pipeline that started last."""

    id: int
    state: Status
    start_date: datetime
    end_date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A pipeline by whose word there is an edge, as it is now."""

    id: int
    name: str
    type: str
    active: bool
    last_run: LastRun | None


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` feeds `target`, both address ids, through each of `pipelines`: the oldest 100 of them."""

    source: int
    target: int
    pipelines: Sequence[Owner]


@dataclass(frozen=True, slots=True)
class Graph:
    """Addresses by depth and id, and every edge between two of them.

    `truncated` when there is more: addresses beyond `depth` or `limit`, edges, or pipelines that own one.
    """

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    truncated: bool

    def is_large(self) -> bool:
        """Whether going through it once takes so long that others should have their turn meanwhile."""
        return len(self.nodes) + len(self.edges) > 2_000


@dataclass(frozen=True, slots=True)
class Paths:
    """The shortest paths as lists of address ids, all of `length` edges; none and null where there is no way.

    `nodes` and `edges` are those on the paths. `truncated` when there is more of them, of paths or of pipelines
    that own an edge, or when the search ended before the goal was found. Of a way that was found there is
    always at least one path.
    """

    length: int | None
    paths: Sequence[Sequence[int]]
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Impacted(Place):
    """An address downstream, and the pipelines that write it from what is affected."""

    pipelines: Sequence[Owner]

    @classmethod
    def at(cls, place: Place, pipelines: Sequence[Owner]) -> "Impacted":
        return cls(
            id=place.id,
            name=place.name,
            type=place.type,
            group=place.group,
            metadata=place.metadata,
            pipelines=pipelines,
        )


@dataclass(frozen=True, slots=True)
class ImpactLevel:
    """The addresses that are equally far away."""

    depth: int
    addresses: Sequence[Impacted]


@dataclass(frozen=True, slots=True)
class Impact:
    """All that is affected by what happens at an address."""

    address: Node
    levels: Sequence[ImpactLevel]
    truncated: bool

    @classmethod
    def of(cls, graph: Graph) -> "Impact":
        """What a graph downstream of its first node means for the rest of it."""
        writers: defaultdict[int, dict[int, Owner]] = defaultdict(dict)
        for edge in graph.edges:
            writers[edge.target].update({owner.id: owner for owner in edge.pipelines})
        levels: defaultdict[int, list[Impacted]] = defaultdict(list)
        for node in graph.nodes[1:]:
            pipelines = [owner for _, owner in sorted(writers[node.id].items())]
            levels[node.depth].append(Impacted.at(node, pipelines))
        return cls(graph.nodes[0], [ImpactLevel(*level) for level in sorted(levels.items())], graph.truncated)


class LineageGraph(Protocol):
    """The graph of all edges. Every method sees it as it is at one instant, after all declarations answered before."""

    async def around(self, question: Surroundings) -> Graph:
        """What lies up or down the edges from an address. Raises `AddressNotFound`, `HistoryPruned`."""
        ...

    async def between(self, question: Route) -> Paths:
        """The shortest paths from one address down to another. Raises `AddressNotFound`, `HistoryPruned`."""
        ...
