"""Questions about the graph of lineage: what is upstream, what breaks downstream, how does one get to the other."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
EDGES_SHOWN = 100_000
PATHS_DEFAULT, PATHS_LIMIT = 10, 1_000
WALK_LIMIT = 200_000
"""As many addresses are looked at in search of a path."""


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

    def walks(self, start: int) -> Sequence["Walk"]:
        """One for each direction, from the address with that id."""
        return [
            Walk(start=start, direction=each, depth=self.depth, limit=self.limit, as_of=self.as_of)
            for each in self.direction.single()
        ]


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

    def there(self, start: int, goal: int) -> "Walk":
        """From the one address, downstream in search of the other."""
        return Walk(
            start=start,
            direction=Direction.DOWNSTREAM,
            depth=DEPTH_LIMIT,
            limit=WALK_LIMIT,
            goal=goal,
            as_of=self.as_of,
        )

    def back(self, start: int, goal: int, length: int) -> "Walk":
        """From the other address upstream again, as far as the one is away."""
        return replace(self.there(start=goal, goal=start), direction=Direction.UPSTREAM, depth=max(length, 1))


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
    """`source` feeds `target`, both address ids, through each of `pipelines`."""

    source: int
    target: int
    pipelines: Sequence[Owner]


@dataclass(frozen=True, slots=True)
class Graph:
    """Addresses by depth and id, and every edge between two of them. `truncated` when there would be more."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Paths:
    """The shortest paths as lists of address ids, all of `length` edges; none and null where there is no way.

    `nodes` and `edges` are those on the paths. `truncated` when there are more paths than shown, or when the
    search ended before the goal was found.
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


Depths = Mapping[int, int]
"""Address ids with their depth."""


def nearest(sides: Iterable[Depths], limit: int) -> tuple[dict[int, int], bool]:
    """The first `limit` addresses of all sides by depth and id, and whether there were more."""
    least: dict[int, int] = {}
    for side in sides:
        for identity, depth in side.items():
            if depth < least.get(identity, DEPTH_LIMIT + 1):
                least[identity] = depth
    ordered = sorted(least.items(), key=lambda item: (item[1], item[0]))
    return dict(ordered[:limit]), len(ordered) > limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Breadth first from an address, whole levels, until `depth`, or more than `limit` addresses, or the goal."""

    start: int
    direction: Direction
    depth: int
    limit: int
    goal: int | None = None
    as_of: datetime | None = None

    def cut_short(self, found: Depths) -> bool:
        """Whether it ended at a bound of its own: there may be more than was found."""
        return len(found) > self.limit or max(found.values()) == self.depth


def walked(walk: Walk, neighbours: Callable[[int], Iterable[int]]) -> dict[int, int]:
    """The addresses on a walk and how far each is, given who is one step away from whom."""
    depths, frontier = {walk.start: 0}, {walk.start}
    for level in range(1, walk.depth + 1):
        if not frontier or len(depths) > walk.limit or walk.goal in depths:
            break
        frontier = {each for known in frontier for each in neighbours(known)} - depths.keys()
        depths.update(dict.fromkeys(frontier, level))
    return depths


def on_the_way(down: Depths, up: Depths, goal: int) -> dict[int, int]:
    """The addresses on the shortest paths, with their place on them.

    `down` is how deep they lie below the start, `up` how high above the goal; empty when there is no path.
    """
    if goal not in down:
        return {}
    length = down[goal]
    return {each: depth for each, depth in down.items() if depth + up.get(each, length + 1) == length}


def spelled_out(
    depths: Depths, edges: Iterable[tuple[int, int]], start: int, goal: int, limit: int
) -> tuple[list[list[int]], bool]:
    """The first `limit` paths from start to goal along edges that lead one level deeper; whether there are more."""
    steps: defaultdict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        if depths.get(target) == depths[source] + 1:
            steps[source].append(target)
    paths: list[list[int]] = []
    unfinished = [[start]]
    while unfinished:
        path = unfinished.pop()
        if path[-1] != goal:
            unfinished += [[*path, step] for step in sorted(steps[path[-1]], reverse=True)]
            continue
        if len(paths) == limit:
            return paths, True
        paths.append(path)
    return paths, False
