"""How full the pools of all processes are, as the database sees it, and what that means.

A pool is full at one moment or another wherever there is much to do. So it is looked at more than once, and called
exhausted only where it was full each time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from watcher.domain.diagnosis import Finding, listed, ok, warning
from watcher.domain.pool_names import PoolName

LOOKS, PAUSE_SECONDS = 3, 0.25
FEW = 6
"""Pools that are told one by one."""

FULLEST = 3
OF_ONE_USE = {"migrate"}
"""Programs in which nobody waits for a connection that another use of them has."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The connections of one name to one database: `here` where that is Watcher's own.

    Of those that are `hidden` nobody says whether they are busy.
    """

    name: str
    here: bool
    held: int
    busy: int
    hidden: int


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What each of the looks found. `pooled` where whoever looked came through a pooler, as the others then do."""

    looks: Sequence[Sequence[Holding]]
    pooled: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """One over all looks: the most that it held, and how many were busy in each."""

    name: PoolName
    here: bool
    held: int
    busy: Sequence[int]
    hidden: bool

    @property
    def is_exhausted(self) -> bool:
        return min(self.busy) >= self.name.size and self.name.program not in OF_ONE_USE

    @property
    def fullness(self) -> tuple[float, float, float]:
        size = self.name.size
        return min(self.busy) / size, max(self.busy) / size, self.held / size


def pools(looks: Sequence[Sequence[Holding]]) -> Sequence[Pool]:
    """Those that some look found, by program, host and process."""
    by_name = [{(each.name, each.here): each for each in look} for look in looks]
    found: list[Pool] = []
    for key in {key for look in by_name for key in look}:
        name = PoolName.read(key[0])
        if name is not None:
            seen = [look.get(key, Holding(*key, 0, 0, 0)) for look in by_name]
            found.append(
                Pool(
                    name=name,
                    here=key[1],
                    held=max(each.held for each in seen),
                    busy=[each.busy for each in seen],
                    hidden=all(each.hidden for each in seen),
                )
            )
    return sorted(
        found, key=lambda pool: (pool.name.program, pool.name.host, pool.name.process, pool.name.number)
    )


def judged(facts: PoolFacts, usable: int) -> Iterator[Finding]:
    """All that the facts mean. `usable` is how many connections the database admits."""
    found = pools(facts.looks)
    here = [pool for pool in found if pool.here]
    yield ok("pools", "; ".join([*_told(here), *_others(facts), *_together(found, usable)]))
    yield from _exhausted(here)
    yield from _too_many(found, usable)


def _told(here: Sequence[Pool]) -> Iterator[str]:
    if not here:
        yield "no other process holds a connection of its own"
    elif len(here) <= FEW:
        yield from (f"{pool.name.owner}: {_use([pool])}" for pool in here)
    else:
        for program, group in groupby(here, key=lambda pool: pool.name.program):
            of_program = list(group)
            yield f"{len(of_program):,} of {program}: {_use(of_program)}"
        fullest = sorted(here, key=lambda pool: pool.fullness, reverse=True)[:FULLEST]
        yield "the fullest: " + ", ".join(f"{pool.name.owner}: {_use([pool])}" for pool in fullest)


def _use(some: Sequence[Pool]) -> str:
    held, size = sum(pool.held for pool in some), sum(pool.name.size for pool in some)
    if any(pool.hidden for pool in some):
        return f"{held:,} of {size:,}, this role may not see how many are busy"
    each = [sum(look) for look in zip(*(pool.busy for pool in some), strict=True)]
    low, high = min(each), max(each)
    return (
        f"{held:,} of {size:,}, {low:,} busy"
        if low == high
        else f"{held:,} of {size:,}, {low:,} to {high:,} busy"
    )


def _others(facts: PoolFacts) -> Iterator[str]:
    """What is named after no process."""
    count = max(
        (
            sum(each.held for each in look if each.here and PoolName.read(each.name) is None)
            for look in facts.looks
        ),
        default=0,
    )
    if facts.pooled:
        yield f"behind the pooler pools are not seen one by one, but its connections: {count:,} others than this"
    elif count:
        yield f"{count:,} more have no process's name, as behind a pooler, where pools are not seen one by one"


def _together(found: Sequence[Pool], usable: int) -> Iterator[str]:
    if found:
        elsewhere = (
            "" if all(pool.here for pool in found) else ", with those of other databases of the server"
        )
        yield f"at most {_most(found):,} together{elsewhere}, of {usable:,} that the server admits"


def _exhausted(here: Sequence[Pool]) -> Iterator[Finding]:
    exhausted = [pool for pool in here if pool.is_exhausted]
    if exhausted:
        named = listed([f"{pool.name.owner} ({pool.name.size:,})" for pool in exhausted])
        yield warning(
            "pools",
            f"exhausted, all busy in each of {LOOKS} looks within {(LOOKS - 1) * PAUSE_SECONDS:g} s: {named}",
            "Whoever needs another there waits, for WATCHER_DATABASE_TIMEOUT at most. See `locks` and `transactions` for what "
            "holds them up; if there is nothing and it stays so, raise WATCHER_POOL_SIZE, or start more processes.",
        )


def _too_many(found: Sequence[Pool], usable: int) -> Iterator[Finding]:
    if _most(found) > usable:
        yield warning(
            "pools",
            f"the {len(found):,} that are connected may take {_most(found):,} connections, and the server admits {usable:,}",
            "Lower WATCHER_POOL_SIZE, raise max_connections, or put a PgBouncer in between.",
        )


def _most(found: Sequence[Pool]) -> int:
    return sum(pool.name.size for pool in found)
