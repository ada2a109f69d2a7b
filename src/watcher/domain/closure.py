"""The closure of lineage: for each address what it reaches, kept ready as long as that is not too much.

The reach of an address in one direction is every other address at the end of a path, with the least number of
edges on the way. A reach of at most `REACH_LIMIT` addresses is kept, a larger one is not kept at all; so the
closure grows with the number of addresses (`2 * REACH_LIMIT` rows for each at most) and not with the number of
paths, whatever the shape of the graph: long chains, dense hubs, cycles.

Nobody is kept waiting for it. Who changes edges notes at which addresses (`pending`); a kept reach counts as
known only while none of its addresses is noted, and what is not known is found by walking the edges.

What makes that right: when the reach of an address changes, the first edge that changed on one of its paths
begins at an address that it reached before and still reaches, or at itself; and that one is noted.

A reach beyond the limit is nowhere written down, so those who lose addresses tell the ones before them to look
again. That is exact where it was found too large while every kept reach along its way was up to date: what it lost
since, one of those lost, or an address on its way changed and is noted itself. So changes (`spreads`) are taken up
before all else; what is found too large while there are more changes than were taken is noted to be looked at once
more, and its turn comes when no change is left over. A note is not made twice, and an address that is taken up is
taken with all its notes.

Why it ends: a step that leaves changes over takes some away and adds none, so, unless as many addresses as a step
takes up change in the time it needs, a step follows that leaves none over; and such a step makes no notes but those
of neighbours of reaches that came out smaller than they were kept, or came back. Each of these is then as the edges
say, and is not found different again until another change; so there are no more notes than changes account for,
however many reaches are beyond the limit.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

REACH_LIMIT = 128
"""The largest reach that is kept, in addresses."""

NEIGHBOURS_BEYOND = 2
"""So many neighbours more than the limit tell that a reach is beyond it, even when the address itself and who asks
are among them."""

STEP = 200
"""Addresses taken up in one transaction, beside other work."""

LARGE_STEP = 2_000
"""The same where there is nothing else to do."""

STEPS_AFTERWARDS = 100
"""How often who rebuilds looks for more when all is made anew."""

Reach: TypeAlias = Mapping[int, int]
"""Address ids with their depth; the start is not among them."""


@dataclass(slots=True)
class Search:
    """A breadth-first search for the reach of `start` that stops where it meets edges not loaded yet.

    `reach` is None when the search found more than `limit` addresses.
    """

    start: int
    limit: int = REACH_LIMIT
    depths: dict[int, int] = field(default_factory=dict)
    reach: Reach | None = None
    _frontier: list[int] = field(default_factory=list)
    _depth: int = 0

    def __post_init__(self) -> None:
        self._frontier = [self.start]
        self.reach = self.depths

    def advance(
        self, neighbours: Mapping[int, Collection[int]], beyond: Container[int] = frozenset()
    ) -> list[int]:
        """Goes as far as `neighbours` allows: the addresses whose neighbours are missing, none at the end.

        Who reaches an address of `beyond`, whose own reach is known to be too large, reaches too much.
        """
        while self._frontier:
            missing = [each for each in self._frontier if each not in neighbours]
            if missing:
                return missing
            self._depth += 1
            self._frontier = self._next(neighbours)
            if len(self.depths) > self.limit or any(each in beyond for each in self._frontier):
                self.reach, self._frontier = None, []
        return []

    def _next(self, neighbours: Mapping[int, Collection[int]]) -> list[int]:
        found = []
        for each in self._frontier:
            for neighbour in neighbours[each]:
                if neighbour not in self.depths and neighbour != self.start:
                    self.depths[neighbour] = self._depth
                    found.append(neighbour)
        return found


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written to turn one kept reach into another."""

    placed: Reach
    """New addresses, and those at a new depth."""
    lost: Sequence[int]

    @classmethod
    def between(cls, stored: Reach, found: Reach | None) -> "Difference":
        found = found or {}
        placed = {each: depth for each, depth in found.items() if stored.get(each) != depth}
        return cls(placed, [each for each in stored if each not in found])


def may_free_others(stored: Reach, *, was_kept: bool, found: Reach | None) -> bool:
    """Whether addresses that reach this one may have come within the limit: it lost some, or came back itself."""
    return found is not None and (not was_kept or any(each not in found for each in stored))


@dataclass(frozen=True, slots=True)
class Wrong:
    """A reach that is not what the edges say."""

    address_id: int
    direction: str
    stored: int | None
    """How many addresses it holds; None where none are kept, though they should be."""
    true: int | None
    """How many it should hold; None where those are too many to be kept."""

    def __str__(self) -> str:
        return (
            f"Address {self.address_id}, {self.direction}: the closure holds {_counted(self.stored)}, "
            f"the edges lead to {_counted(self.true)}."
        )


def _counted(count: int | None) -> str:
    return f"more than {REACH_LIMIT} addresses" if count is None else f"{count} addresses"


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a check of the closure. `pending` reaches were left out: they are known to be unfinished."""

    checked: int
    pending: int
    wrong: Sequence[Wrong]


class Closure(Protocol):
    """The closure of the current edges. Every method is one transaction, but for `verify` and `mark`."""

    async def maintain(self, entries: int) -> int:
        """Brings the closure up to date with what is pending at up to `entries` addresses; answers at how many.

        Changes come first, see above. 0 when nothing is pending. Of several at once one works and the others wait for their turn. Can be
        broken off and repeated.
        """
        ...

    async def mark(self) -> int:
        """Notes every address as pending, so that maintaining makes the whole closure anew; how many entries."""
        ...

    async def verify(self) -> Verified:
        """Compares the closure with the edges, address by address."""
        ...


@dataclass(frozen=True, slots=True)
class MaintainClosure:
    """The job that brings the closure up to date. Harmless to repeat and to run in many places at once."""

    closure: Closure

    async def __call__(self) -> int:
        """How many addresses it took up, until nothing was pending."""
        total = 0
        while taken := await self.step():
            total += taken
        return total

    async def step(self) -> int:
        """One transaction's worth of it, for those who have other work to do in between; 0 when nothing is left."""
        return await self.closure.maintain(STEP)


@dataclass(frozen=True, slots=True)
class RebuildClosure:
    """Makes the closure anew from the edges, beside whatever else goes on."""

    closure: Closure

    async def __call__(self) -> int:
        """How many entries there were to work off.

        A step that takes less than it may has taken all there was, and the closure is made anew. What is noted
        meanwhile by those who go on changing edges is theirs to see to, but not left behind where they are few.
        """
        entries = await self.closure.mark()
        while await self.closure.maintain(LARGE_STEP) == LARGE_STEP:
            pass
        for _ in range(STEPS_AFTERWARDS):
            if not await self.closure.maintain(LARGE_STEP):
                break
        return entries
