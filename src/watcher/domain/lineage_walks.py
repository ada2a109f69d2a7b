"""Walks along the edges of lineage, and which of what they found is shown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watcher.domain.lineage_graph import OWNERS_SHOWN, Direction, Surroundings

Depths = Mapping[int, int]
"""Address ids with their depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Breadth first from some addresses, whole levels, until `depth` or until there are more than `limit`."""

    starts: Sequence[int]
    direction: Direction
    depth: int
    limit: int
    as_of: datetime | None = None


def walks(question: Surroundings, start: int) -> Sequence[Walk]:
    """One for each direction, one step further than asked: whatever is found there is more than is shown."""
    return [
        Walk(
            starts=[start],
            direction=each,
            depth=question.depth + 1,
            limit=question.limit,
            as_of=question.as_of,
        )
        for each in question.direction.single()
    ]


def walked(walk: Walk, neighbours: Callable[[int], Iterable[int]]) -> dict[int, int]:
    """The addresses on a walk and how far each is, given who is one step away from whom."""
    depths, frontier = dict.fromkeys(walk.starts, 0), set(walk.starts)
    for level in range(1, walk.depth + 1):
        if not frontier or len(depths) > walk.limit:
            break
        frontier = {each for known in frontier for each in neighbours(known)} - depths.keys()
        depths.update(dict.fromkeys(frontier, level))
    return depths


def nearest(sides: Iterable[Depths], depth: int, limit: int) -> tuple[dict[int, int], bool]:
    """The first `limit` addresses of all sides by depth and id, none beyond `depth`; whether there were more."""
    least: dict[int, int] = {}
    for side in sides:
        for identity, found in side.items():
            least[identity] = min(found, least.get(identity, found))
    levels: defaultdict[int, list[int]] = defaultdict(list)
    for identity, found in least.items():
        levels[found].append(identity)
    shown: dict[int, int] = {}
    for level in range(depth + 1):
        ids = sorted(levels.get(level, ()))[: limit - len(shown)]
        shown.update(dict.fromkeys(ids, level))
    return shown, len(shown) < len(least)


@dataclass(frozen=True, slots=True)
class Pair:
    """An edge, and the first `OWNERS_SHOWN` ids of the pipelines that own it; `more` when it has more."""

    source: int
    target: int
    pipelines: Sequence[int]
    more: bool = False


Pairs = tuple[Sequence[Pair], bool]
"""Edges by source and target, and whether there were more."""


def shown_pairs(pairs: Iterable[Pair], limit: int) -> Pairs:
    """The first edges, at least one, as long as no more than `limit` pipelines own them; whether there were more."""
    shown: list[Pair] = []
    owners = 0
    for pair in pairs:
        owners += len(pair.pipelines)
        if shown and owners > limit:
            return shown, True
        shown.append(pair)
    return shown, False


def owned_by(pair: tuple[int, int], pipelines: Iterable[int]) -> Pair:
    """The edge with as many of its pipelines as are shown."""
    ordered = sorted(pipelines)
    return Pair(*pair, ordered[:OWNERS_SHOWN], len(ordered) > OWNERS_SHOWN)


class Steps(Protocol):
    """The edges as they are at one instant, as the search for paths needs them."""

    async def walked(self, walk: Walk) -> Depths:
        """The addresses on a walk, see `walked`."""
        ...

    async def pairs(self, sources: Sequence[int], targets: Sequence[int], limit: int) -> Pairs:
        """The edges from one of the sources to one of the targets, see `shown_pairs`."""
        ...
