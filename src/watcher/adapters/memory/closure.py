"""The closure of lineage, in dictionaries."""

from watcher.adapters.memory.edges import MemoryEdges, Pending
from watcher.domain.closure import REACH_LIMIT, Reach, Search, Verified, Wrong, may_free_others
from watcher.domain.lineage_graph import Direction

DIRECTIONS = Direction.BOTH.single()


class MemoryClosure:
    """`Closure` in dictionaries."""

    def __init__(self, edges: MemoryEdges, reach_limit: int = REACH_LIMIT) -> None:
        self._edges = edges
        self._reach_limit = reach_limit
        self.reaches: dict[Direction, dict[int, Reach | None]] = {each: {} for each in DIRECTIONS}

    def reach(self, identity: int, direction: Direction) -> Reach | None:
        """The kept reach of an address; None where it is too large, or no longer known for sure."""
        reach = self.reaches[direction].get(identity, {})
        pending = {each.address_id for each in self._edges.pending if each.direction is direction}
        if reach is None or identity in pending or not pending.isdisjoint(reach):
            return None
        return reach

    async def maintain(self, entries: int) -> int:
        in_turn = sorted(self._edges.pending, key=lambda each: not each.spreads)
        about = list(dict.fromkeys((each.address_id, each.direction) for each in in_turn))[:entries]
        wanted = set(about)
        taken = [each for each in in_turn if (each.address_id, each.direction) in wanted]
        self._edges.pending = [
            each for each in self._edges.pending if (each.address_id, each.direction) not in wanted
        ]
        unfinished = any(each.spreads for each in self._edges.pending)
        for direction in DIRECTIONS:
            ours = [each for each in taken if each.direction is direction]
            self._maintain(ours, direction, unfinished=unfinished)
        return len(about)

    def _maintain(self, taken: list[Pending], direction: Direction, *, unfinished: bool) -> None:
        """`unfinished` when there are more changes than were taken: see `domain.closure`."""
        reaches = self.reaches[direction]
        spreading = {each.address_id for each in taken if each.spreads}
        affected = {start for start, reach in reaches.items() if reach and not spreading.isdisjoint(reach)}
        neighbours = self._edges.neighbours(direction)
        towards = self._edges.neighbours(direction.opposite())
        freed: set[int] = set()
        for start in sorted(affected | {each.address_id for each in taken}):
            stored, found = reaches.get(start, {}), self._found(start, neighbours)
            reaches[start] = found
            if may_free_others(stored or {}, was_kept=stored is not None, found=found):
                freed |= {each for each in towards.get(start, ()) if reaches.get(each, {}) is None}
            if found is None and unfinished:
                freed.add(start)
        freed -= {each.address_id for each in self._edges.pending if each.direction is direction}
        self._edges.pending += [Pending(each, direction, spreads=False) for each in sorted(freed)]

    def _found(self, start: int, neighbours: dict[int, set[int]]) -> Reach | None:
        search = Search(start, self._reach_limit)
        neighbours.setdefault(start, set())
        search.advance(neighbours)
        return search.reach

    async def mark(self) -> int:
        for direction in DIRECTIONS:
            marked = self.reaches[direction].keys() | self._edges.neighbours(direction).keys()
            self._edges.pending += [Pending(each, direction, spreads=False) for each in sorted(marked)]
        return len(self._edges.pending)

    async def verify(self) -> Verified:
        checked, pending, wrong = 0, 0, []
        for direction in DIRECTIONS:
            neighbours = self._edges.neighbours(direction)
            for start in sorted(self.reaches[direction].keys() | neighbours.keys()):
                stored, found = self.reaches[direction].get(start, {}), self._found(start, neighbours)
                if self._is_unfinished(start, stored, found, direction):
                    pending += 1
                    continue
                checked += 1
                if stored != found:
                    wrong.append(Wrong(start, direction, _size(stored), _size(found)))
        return Verified(checked, pending, wrong)

    def _is_unfinished(
        self, start: int, stored: Reach | None, found: Reach | None, direction: Direction
    ) -> bool:
        if stored is not None:
            return self.reach(start, direction) is None
        noted = {each.address_id for each in self._edges.pending if each.direction is direction}
        return start in noted or not noted.isdisjoint(found or {})


def _size(reach: Reach | None) -> int | None:
    return None if reach is None else len(reach)
