"""The shortest paths between two addresses: searched from both ends, and of very many the first, but whole ones."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher.domain.lineage_graph import DEPTH_LIMIT, EDGES_SHOWN, NODES_LIMIT, OWNERS_SHOWN, Direction
from watcher.domain.lineage_walks import Depths, Pair, Steps, Walk

WALK_LIMIT = 200_000
"""From an end at which more addresses than these were looked at, the search does not go on."""

PATHS_LENGTH = 100_000
"""As many addresses are named in all paths of an answer together."""

STRIDE, NEAR = 50, 1_000
"""The levels of one walk of the search, and the addresses beyond which such a walk ends with its first level."""


@dataclass(slots=True)
class Side:
    """What is known from one end: all addresses down to `depth`, of which the deepest are the `frontier`."""

    direction: Direction
    depths: dict[int, int]
    frontier: list[int]
    depth: int = 0

    @classmethod
    def of(cls, end: int, direction: Direction) -> "Side":
        return cls(direction, {end: 0}, [end])

    def walk(self, most: int, as_of: datetime | None) -> Walk:
        return Walk(
            starts=self.frontier,
            direction=self.direction,
            depth=min(most, STRIDE),
            limit=max(len(self.frontier), NEAR),
            as_of=as_of,
        )

    def learn(self, found: Depths, towards: Depths | None = None, length: int = 0) -> set[int]:
        """Takes over what is new on a walk from the frontier; `towards` what lies on the way of that length only."""
        before, last = self.depth, max(found.values())
        new = {each: before + depth for each, depth in found.items() if each not in self.depths}
        if towards is not None:
            new = {each: depth for each, depth in new.items() if towards.get(each) == length - depth}
        self.depths.update(new)
        self.depth += last
        self.frontier = [each for each, depth in new.items() if depth == self.depth]
        return set(new)


async def reached(steps: Steps, walk: Walk) -> Depths:
    """The addresses on a walk from one address and perhaps some more, in strides: a long one alone is quadratic."""
    (start,) = walk.starts
    side = Side.of(start, walk.direction)
    while side.frontier and side.depth < walk.depth and len(side.depths) <= walk.limit:
        side.learn(await steps.walked(side.walk(walk.depth - side.depth, walk.as_of)))
    return side.depths


@dataclass(frozen=True, slots=True)
class Found:
    """The shortest paths, the places of the addresses on them, and the edges, see `Paths`."""

    length: int | None
    places: Depths
    pairs: Sequence[Pair]
    paths: Sequence[Sequence[int]]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Search:
    """For the shortest paths from start to goal. The end with fewer addresses to go on from is the next to advance."""

    steps: Steps
    start: int
    goal: int
    as_of: datetime | None = None

    async def found(self, limit: int) -> Found:
        """The first `limit` paths, or fewer where they are long, but at least one."""
        down, up = Side.of(self.start, Direction.DOWNSTREAM), Side.of(self.goal, Direction.UPSTREAM)
        length, given_up = await self._met(down, up)
        if length is None:
            return Found(None, {}, (), (), given_up)
        places = await self._places(down, up, length)
        pairs, cut = await self._pairs(places, length)
        most = min(limit, max(1, PATHS_LENGTH // (length + 1)))
        steps = ((pair.source, pair.target) for pair in pairs)
        paths, more = spelled_out(places, steps, self.start, self.goal, most)
        on_paths = {self.start, self.goal, *(pair.source for pair in pairs), *(pair.target for pair in pairs)}
        shown = sorted((places[each], each) for each in on_paths)
        return Found(
            length,
            {each: place for place, each in shown},
            pairs,
            paths,
            cut or more or any(pair.more for pair in pairs),
        )

    async def _met(self, down: Side, up: Side) -> tuple[int | None, bool]:
        """How far the ends are from each other; or None, and whether that is for want of looking further."""
        common = down.depths.keys() & up.depths.keys()
        while not common:
            if not (down.frontier and up.frontier):
                return None, False
            sides = [each for each in (down, up) if len(each.depths) <= WALK_LIMIT]
            most = DEPTH_LIMIT - down.depth - up.depth
            if not sides or most <= 0:
                return None, True
            side = min(sides, key=lambda each: len(each.frontier))
            new = side.learn(await self.steps.walked(side.walk(most, self.as_of)))
            common = new & (up if side is down else down).depths.keys()
        return min(down.depths[each] + up.depths[each] for each in common), False

    async def _places(self, down: Side, up: Side, length: int) -> dict[int, int]:
        """All addresses on the shortest paths, by their distance from the start."""
        common = {
            each: depth
            for each, depth in down.depths.items()
            if depth + up.depths.get(each, length + 1) == length
        }
        there = await self._followed(common, Direction.DOWNSTREAM, up.depths, length)
        above = {each: length - depth for each, depth in common.items()}
        back = await self._followed(above, Direction.UPSTREAM, down.depths, length)
        back = {each: length - depth for each, depth in back.items()}
        return there | back | {self.start: 0, self.goal: length}

    async def _followed(
        self, depths: dict[int, int], direction: Direction, towards: Depths, length: int
    ) -> dict[int, int]:
        """From the deepest of those on the way on to the last before the other end, along that other's depths."""
        deepest = max(depths.values())
        frontier = [each for each, depth in depths.items() if depth == deepest]
        side = Side(direction, dict(depths), frontier, deepest)
        while side.depth < length - 1:
            walk = side.walk(length - side.depth, self.as_of)
            side.learn(await self.steps.walked(walk), towards, length)
        return side.depths

    async def _pairs(self, places: Depths, length: int) -> tuple[Sequence[Pair], bool]:
        """The edges of the paths: all, or where these are too many, some of whole paths; whether there are more."""
        if len(places) <= NODES_LIMIT:
            ids = list(places)
            pairs, more = await self.steps.pairs(ids, ids, EDGES_SHOWN)
            if not more:
                return [pair for pair in pairs if places[pair.target] == places[pair.source] + 1], False
        return await self._some_pairs(places, length)

    async def _some_pairs(self, places: Depths, length: int) -> tuple[Sequence[Pair], bool]:
        """Back from the goal, each level as wide as leaves something for those before it; then what the start reaches."""
        levels: list[list[int]] = [[] for _ in range(length + 1)]
        for each, place in places.items():
            levels[place].append(each)
        kept: list[list[Pair]] = []
        targets, nodes, edges, cut = [self.goal], NODES_LIMIT - 1, EDGES_SHOWN, False
        for place in reversed(range(length)):
            pairs, more = await self.steps.pairs(levels[place], targets, max(edges - place * OWNERS_SHOWN, 0))
            targets = sorted({pair.source for pair in pairs})
            shown = set(targets[: max(nodes - place, 1)])
            kept.append([pair for pair in pairs if pair.source in shown])
            cut = cut or more or len(shown) < len(targets)
            targets = sorted(shown)
            nodes -= len(shown)
            edges -= sum(len(pair.pipelines) for pair in kept[-1])
        return sorted(_reached(self.start, reversed(kept)), key=lambda pair: (pair.source, pair.target)), cut


def _reached(start: int, levels: Iterable[Sequence[Pair]]) -> Iterable[Pair]:
    """The edges that follow, level by level, upon those from the start."""
    here = {start}
    for pairs in levels:
        following = [pair for pair in pairs if pair.source in here]
        yield from following
        here = {pair.target for pair in following}


def spelled_out(
    places: Depths, edges: Iterable[tuple[int, int]], start: int, goal: int, limit: int
) -> tuple[list[list[int]], bool]:
    """The first `limit` paths from start to goal along edges that lead one place further; whether there are more.

    Only steps are taken from which the goal is still reached, so the time is that of writing the paths down.
    """
    steps = _towards(places, edges, goal)
    paths: list[list[int]] = []
    path, ahead = [start], [iter(steps[start])]
    while path:
        if path[-1] == goal:
            if len(paths) == limit:
                return paths, True
            paths.append(path.copy())
        step = next(ahead[-1], None)
        if step is None:
            path.pop()
            ahead.pop()
        else:
            path.append(step)
            ahead.append(iter(steps[step]))
    return paths, False


def _towards(places: Depths, edges: Iterable[tuple[int, int]], goal: int) -> defaultdict[int, list[int]]:
    """The steps of those from whom the goal is reached, in order."""
    before: defaultdict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        if source in places and target in places and places[target] == places[source] + 1:
            before[target].append(source)
    steps: defaultdict[int, list[int]] = defaultdict(list)
    level = [goal]
    while level:
        for target in level:
            for source in before[target]:
                steps[source].append(target)
        level = sorted({source for target in level for source in before[target]})
    return steps
