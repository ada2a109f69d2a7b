"""Graphs of lineage to measure on, each the same at every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

SEED = 2013
LAYERS = 20
CLUSTER = 100
NEARBY = 20
RINGS = (2, 10, 100, 200, 300, 1_000)
SPARE = 100
BACKWARDS = 100
"""In the graph with cycles one edge of so many leads back."""

VISITED_AT_MOST = 5_000_000
"""Addresses that counting the pairs of a full closure may visit; beyond, it is a sample."""

Edge = tuple[int, int]


@dataclass(frozen=True)
class Lineage:
    """Addresses 1 to `addresses`, and which feeds which; `spare` edges of the same kind are not among them."""

    name: str
    addresses: int
    edges: Sequence[Edge]
    spare: Sequence[Edge] = ()

    @cached_property
    def targets(self) -> Sequence[Sequence[int]]:
        """Whom each address feeds, by its number."""
        found: list[list[int]] = [[] for _ in range(self.addresses + 1)]
        for source, target in self.edges:
            found[source].append(target)
        return found

    @cached_property
    def turned(self) -> Lineage:
        """The same with every edge the other way round."""
        return Lineage(self.name, self.addresses, [(target, source) for source, target in self.edges])

    def reach(self, start: int, limit: int | None = None) -> int:
        """How many other addresses are downstream; when there are more than `limit`, some number above it."""
        visited, frontier = {start}, [start]
        while frontier and (limit is None or len(visited) <= limit + 1):
            found = {target for each in frontier for target in self.targets[each]} - visited
            visited |= found
            frontier = list(found)
        return len(visited) - 1

    def full_closure(self) -> tuple[int, bool]:
        """The pairs that a closure of all paths would have, and whether they were counted, not extrapolated."""
        order = list(range(1, self.addresses + 1))
        Random(SEED).shuffle(order)
        pairs = 0
        for done, start in enumerate(order, start=1):
            pairs += self.reach(start)
            if pairs > VISITED_AT_MOST:
                return round(pairs / done * self.addresses), done == self.addresses
        return pairs, True


def layered(addresses: int, edges: int) -> Lineage:
    """Layers of equal width; every edge leads from one into the next, between two addresses drawn at random."""
    found, spare = _split(_layered_edges(addresses, edges + SPARE, Random(SEED)))
    return Lineage(f"layered {_thousand(edges)}", addresses, found, spare)


def clustered(addresses: int, edges: int) -> Lineage:
    """Clusters of 100 addresses in a row, which feed some of those shortly after them in the same cluster."""
    random, clusters = Random(SEED), addresses // CLUSTER
    found: dict[Edge, None] = {}
    while len(found) < edges + SPARE:
        first = CLUSTER * random.randrange(clusters)
        source, step = random.randint(1, CLUSTER), random.randint(1, NEARBY)
        if source + step <= CLUSTER:
            found[first + source, first + source + step] = None
    return Lineage(f"clusters {_thousand(edges)}", addresses, *_split(list(found)))


def chain(length: int) -> Lineage:
    return Lineage(f"chain {_thousand(length)}", length, [(each, each + 1) for each in range(1, length)])


def hub(spokes: int) -> Lineage:
    """The address 1 fed by half of the spokes and feeding the others; and one that feeds as many as there are."""
    half = spokes // 2
    feeder = spokes + 2
    edges = [
        *((2 + each, 1) for each in range(half)),
        *((1, 2 + half + each) for each in range(half)),
        *((feeder, feeder + 1 + each) for each in range(spokes)),
    ]
    return Lineage(f"hub {_thousand(spokes)}", feeder + spokes, edges)


def cyclic(addresses: int, edges: int) -> Lineage:
    """The layered graph where one edge of a hundred leads back, some further than others; and rings beside it."""
    random = Random(SEED)
    found = [
        (target, source) if turn % BACKWARDS == 0 else (source, target)
        for turn, (source, target) in enumerate(_layered_edges(addresses, edges, random))
    ]
    last = addresses
    for length in RINGS:
        ring = range(last + 1, last + length + 1)
        found += zip(ring, [*ring[1:], ring[0]], strict=True)
        last += length
    return Lineage(f"cycles {_thousand(edges)}", last, found)


def _layered_edges(addresses: int, edges: int, random: Random) -> Sequence[Edge]:
    width = addresses // LAYERS
    found: dict[Edge, None] = {}
    while len(found) < edges:
        layer = random.randrange(LAYERS - 1)
        source = 1 + layer * width + random.randrange(width)
        found[source, 1 + (layer + 1) * width + random.randrange(width)] = None
    return list(found)


def _split(edges: Sequence[Edge]) -> tuple[Sequence[Edge], Sequence[Edge]]:
    return edges[:-SPARE], edges[-SPARE:]


def by_target(edges: Iterable[Edge], most: int) -> Iterator[tuple[Sequence[int], int]]:
    """The edges as pipelines might own them: some sources, at most so many, and the target that they feed."""
    sources: dict[int, list[int]] = {}
    for source, target in edges:
        sources.setdefault(target, []).append(source)
    for target, some in sources.items():
        for turn in range(0, len(some), most):
            yield some[turn : turn + most], target


def _thousand(number: int) -> str:
    return f"{number // 1_000}k"
