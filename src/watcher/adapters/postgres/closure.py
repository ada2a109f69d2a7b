"""The closure of lineage in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from watcher.adapters.postgres.closure_ledger import DOWNSTREAM, WAYS, Ledger
from watcher.adapters.postgres.database import Database, Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.closure import (
    NEIGHBOURS_BEYOND,
    REACH_LIMIT,
    Difference,
    Reach,
    Search,
    Verified,
    Wrong,
    may_free_others,
)
from watcher.domain.errors import StoreBusy

SQL = load("closure")
STARTS_AT_ONCE = 100
"""Reaches worked on together: as many as keep the event loop from its other work for a few milliseconds at most."""

SEARCHES_AT_ONCE = 20
TURN_SECONDS = 0.1
TURNS = 100
"""How often, and so for about ten seconds, to ask for a turn while others maintain the closure."""
AHEAD, AHEAD_AT_MOST = 32, 128
"""Addresses whose edges are loaded before they are asked for: more at every step, or a chain is one by one."""

LOOKED_AT = 4
"""So many times the limit addresses are counted, each perhaps more than once, to tell that a reach is beyond it."""

STEPS_KEPT = 50_000
"""Addresses whose edges are remembered from one lot of starts to the next."""

PENDING_PAGE = 5_000
ADDRESS_PAGE = 5_000
"""Addresses looked at by one statement of `mark` or `verify`: much less than a second's work."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The reach of an address as the closure has it; not `kept` when it was too large."""

    kept: bool
    reach: Reach


@dataclass(frozen=True, slots=True)
class Noted:
    """What is pending in one direction."""

    every: set[int] = field(default_factory=set)
    spreading: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.every)

    def add(self, address_id: int, *, spreads: bool) -> None:
        self.every.add(address_id)
        if spreads:
            self.spreading.add(address_id)

    def unfinished(self, start: int, stored: Stored, found: Reach | None) -> bool:
        """Whether what is stored is known to be unfinished. A reach comes back from beyond the limit step by step."""
        if start in self.every:
            return True
        if stored.kept:
            return not self.spreading.isdisjoint(stored.reach)
        return not self.every.isdisjoint(found or {})


class PostgresClosure:
    """`Closure` by SQL, with the searches done here: a step of theirs loads the edges of many addresses at once."""

    def __init__(self, database: Database, reach_limit: int = REACH_LIMIT) -> None:
        self._database = database
        self._reach_limit = reach_limit

    async def maintain(self, entries: int) -> int:
        for _ in range(TURNS):
            try:
                return await self._step(entries)
            except StoreBusy:
                await asyncio.sleep(TURN_SECONDS)
        return await self._step(entries)

    async def _step(self, entries: int) -> int:
        async with self._database.snapshot(readonly=False) as snapshot:
            taken = await _taken(snapshot, entries)
            if not _count(taken):
                return 0
            if await snapshot.row(SQL["hold"]) is None:
                raise StoreBusy("somebody else maintains the closure just now")
            await snapshot.rows(SQL["count_step"])
            await snapshot.replan()
            pairs = [(each, way == DOWNSTREAM) for way in WAYS for each in sorted(taken[way].every)]
            ids, downstream = zip(*pairs, strict=True)
            await snapshot.rows(SQL["done"], ids=ids, downstream=downstream)
            unfinished = await snapshot.row(SQL["more_spreading"]) is not None
            ledger = Ledger(snapshot)
            for way in WAYS:
                side = _Side(snapshot, way, self._reach_limit)
                await side.maintain(taken[way], ledger, entries, unfinished=unfinished)
            await ledger.write()
            return len(pairs)

    async def mark(self) -> int:
        entries, after = 0, 0
        while True:
            rows = await self._database.rows_replanned(SQL["mark"], after=after, limit=ADDRESS_PAGE)
            if rows[0]["last"] is None:
                return entries
            entries, after = entries + rows[0]["entries"], rows[0]["last"]

    async def verify(self) -> Verified:
        checked, unfinished, wrong = 0, 0, []
        async with self._database.snapshot() as snapshot:
            await snapshot.replan()
            noted = await _noted(snapshot)
            sides = [_Side(snapshot, way, self._reach_limit) for way in WAYS]
            async for starts in _addresses(snapshot):
                for side in sides:
                    found = await side.found(starts)
                    for start, stored in (await side.stored(starts)).items():
                        if noted[side.way].unfinished(start, stored, found[start]):
                            unfinished += 1
                            continue
                        checked += 1
                        kept = stored.reach if stored.kept else None
                        if kept != found[start] or (not stored.kept and stored.reach):
                            wrong.append(Wrong(start, side.way, _size(kept), _size(found[start])))
        wrong.sort(key=lambda each: WAYS.index(each.direction))
        return Verified(checked, unfinished, wrong)


async def _taken(snapshot: Transaction, entries: int) -> Mapping[str, Noted]:
    """The addresses whose turn it is, `entries` at most: first those that spread."""
    taken = {way: Noted() for way in WAYS}
    for statement in ("pending_spreading", "pending"):
        after, limit = 0, entries
        while rows := await snapshot.rows(SQL[statement], after=after, limit=limit):
            for row in rows:
                _note(taken, row)
                if _count(taken) == entries:
                    return taken
            after, limit = rows[-1]["id"], PENDING_PAGE
            await asyncio.sleep(0)
    return taken


async def _noted(snapshot: Transaction) -> Mapping[str, Noted]:
    """Everything that is pending."""
    noted, after = {way: Noted() for way in WAYS}, 0
    while rows := await snapshot.rows(SQL["pending"], after=after, limit=PENDING_PAGE):
        for row in rows:
            _note(noted, row)
        after = rows[-1]["id"]
        await asyncio.sleep(0)
    return noted


def _note(noted: Mapping[str, Noted], row: asyncpg.Record) -> None:
    downstream, upstream = WAYS
    noted[downstream if row["downstream"] else upstream].add(row["address_id"], spreads=row["spreads"])


def _count(noted: Mapping[str, Noted]) -> int:
    return sum(map(len, noted.values()))


async def _addresses(snapshot: Transaction) -> AsyncIterator[Sequence[int]]:
    """All that have to do with lineage, some at a time."""
    after = 0
    while page := await snapshot.rows(SQL["addresses"], after=after, limit=ADDRESS_PAGE):
        for some in _chunks([row["id"] for row in page if row["concerned"]]):
            yield some
        after = page[-1]["id"]


class _Side:
    """One direction of the closure, in one transaction."""

    def __init__(self, snapshot: Transaction, way: str, reach_limit: int) -> None:
        self._snapshot = snapshot
        self.way = way
        self._reach_limit = reach_limit
        self._steps: dict[int, Sequence[int]] = {}
        self._beyond: set[int] = set()

    async def maintain(self, taken: Noted, ledger: Ledger, room: int, *, unfinished: bool) -> None:
        """Takes up what was freed at once, while there is room for so many addresses, else notes it.

        `unfinished` when there are more changes than were taken: see `domain.closure`.
        """
        affected = await self._ids("affected", sorted(taken.spreading)) if taken.spreading else set()
        starts = affected | taken.every
        freed = await self._freed_by(starts, ledger)
        if unfinished:
            freed |= self._beyond.intersection(starts)
        while freed and not unfinished and (room := room - len(freed)) >= 0:
            freed = await self._freed_by(freed - self._beyond, ledger)
        if freed:
            await self._snapshot.rows(SQL["note"], ids=sorted(freed), downstream=self.way == DOWNSTREAM)

    async def _freed_by(self, starts: Collection[int], ledger: Ledger) -> set[int]:
        """Brings the reaches of these up to date; whose may be small enough to be kept by that."""
        freeing: list[int] = []
        for some in _chunks(sorted(starts)):
            freeing += await self._brought_up_to_date(some, ledger)
        if not freeing:
            return set()
        await ledger.write()
        limit = self._reach_limit
        bounds = {
            "reach_limit": limit,
            "neighbours": limit + NEIGHBOURS_BEYOND,
            "looked_at": LOOKED_AT * limit,
        }
        return await self._ids("freed", freeing, **bounds)

    async def _brought_up_to_date(self, starts: Sequence[int], ledger: Ledger) -> list[int]:
        """Those among them that may free others."""
        found, stored = await self.found(starts), await self.stored(starts)
        differences = {start: Difference.between(stored[start].reach, found[start]) for start in starts}
        await ledger.enter(self.way, differences)
        await self._count(found)
        return [
            start
            for start in starts
            if may_free_others(stored[start].reach, was_kept=stored[start].kept, found=found[start])
        ]

    async def found(self, starts: Sequence[int]) -> dict[int, Reach | None]:
        """What each address reaches by the edges; None beyond the limit."""
        if len(self._steps) > STEPS_KEPT:
            self._steps.clear()
        searches = [Search(start, self._reach_limit) for start in starts]
        under_way, ahead = searches, AHEAD
        while under_way:
            missing: set[int] = set()
            stopped = []
            for turn, search in enumerate(under_way):
                if turn % SEARCHES_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if wanted := search.advance(self._steps, self._beyond):
                    missing.update(wanted)
                    stopped.append(search)
                elif search.reach is None:
                    self._beyond.add(search.start)
            if missing:
                await self._load(missing, ahead)
            under_way, ahead = stopped, min(2 * ahead, AHEAD_AT_MOST)
        return {search.start: search.reach for search in searches}

    async def _load(self, missing: set[int], ahead: int) -> None:
        rows = await self._snapshot.rows(
            SQL[f"steps_{self.way}"],
            ids=list(missing),
            limit=self._reach_limit + NEIGHBOURS_BEYOND,
            ahead=len(missing) + ahead,
        )
        self._steps.update({row["id"]: row["neighbours"] for row in rows})

    async def stored(self, starts: Sequence[int]) -> dict[int, Stored]:
        rows = await self._snapshot.rows(SQL[f"kept_{self.way}"], ids=starts)
        return {
            row["id"]: Stored(row["kept"], dict(zip(row["reached"] or (), row["depths"] or (), strict=True)))
            for row in rows
        }

    async def _count(self, found: Mapping[int, Reach | None]) -> None:
        await self._snapshot.rows(
            SQL[f"count_{self.way}"],
            ids=list(found),
            counts=[_size(reach) for reach in found.values()],
        )

    async def _ids(self, statement: str, ids: Sequence[int], **bounds: int) -> set[int]:
        rows = await self._snapshot.rows(SQL[f"{statement}_{self.way}"], ids=ids, **bounds)
        return {row["id"] for row in rows}


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[turn : turn + STARTS_AT_ONCE] for turn in range(0, len(ids), STARTS_AT_ONCE))


def _size(reach: Reach | None) -> int | None:
    return None if reach is None else len(reach)
