"""Questions about the graph of lineage, answered by PostgreSQL."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import asyncpg

from watcher.adapters.postgres.database import Database, Transaction
from watcher.adapters.postgres.executions import LONG
from watcher.adapters.postgres.lineage import check_kept
from watcher.adapters.postgres.named import by
from watcher.adapters.postgres.queries import load
from watcher.domain.address import AddressNotFound
from watcher.domain.executions import Status
from watcher.domain.lineage_graph import (
    EDGES_SHOWN,
    OWNERS_SHOWN,
    Edge,
    Graph,
    LastRun,
    Node,
    Owner,
    Paths,
    Route,
    Surroundings,
)
from watcher.domain.lineage_paths import Search, reached
from watcher.domain.lineage_walks import Depths, Pair, Pairs, Walk, nearest, shown_pairs, walks
from watcher.domain.text import Reference

SQL = load("lineage_graph")
T = TypeVar("T")
Row = TypeVar("Row")

PENDING_READ = 65
"""More pending entries than these minus one are not looked at: who asks meanwhile walks along the edges."""

SLICE = 500
"""So many objects are made in one go; between slices others have their turn."""


@dataclass(frozen=True, slots=True)
class Start:
    """An address that a question begins with, and what is known about its kept reaches."""

    id: int
    reached: Mapping[str, int | None]
    """How many addresses, by direction; None where those are too many to be kept."""
    pending: Sequence[tuple[int, bool, bool]]

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Start":
        reached = {"downstream": row["reached_downstream"], "upstream": row["reached_upstream"]}
        columns = (row["addresses"] or (), row["downstream"] or (), row["spreads"] or ())
        return cls(row["id"], reached, list(zip(*columns, strict=True)))

    def may_know(self, way: str) -> bool:
        return self.reached[way] is not None and len(self.pending) < PENDING_READ

    def knows(self, way: str, depths: Depths, depth: int) -> bool:
        """Whether the kept reach is right as far as `depth`: nothing changed at an address before that."""
        return not any(
            address == self.id or (spreads and depths.get(address, depth) < depth)
            for address, downstream, spreads in self.pending
            if downstream == (way == "downstream")
        )


@dataclass(frozen=True, slots=True)
class PostgresSteps:
    """`Steps` in one snapshot."""

    snapshot: Transaction
    as_of: datetime | None

    async def walked(self, walk: Walk) -> Depths:
        way = walk.direction.value
        levels = await self.snapshot.rows(
            SQL[f"walk_{way}" if walk.as_of is None else f"walk_{way}_as_of"],
            starts=walk.starts,
            depth=walk.depth,
            limit=walk.limit,
            as_of=walk.as_of,
        )
        return {identity: level["depth"] for level in levels for identity in level["frontier"]}

    async def pairs(self, sources: Sequence[int], targets: Sequence[int], limit: int) -> Pairs:
        rows = await self.snapshot.rows(
            SQL["edges" if self.as_of is None else "edges_as_of"],
            sources=sources,
            targets=targets,
            limit=limit,
            owners=OWNERS_SHOWN,
            as_of=self.as_of,
        )
        return shown_pairs(await _made(_pair, rows), limit)


class PostgresLineageGraph:
    """`LineageGraph` by SQL: from the closure where that knows the answer, else along the edges."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def around(self, question: Surroundings) -> Graph:
        async with self._database.reading() as snapshot:
            start = await _start(snapshot, question.start, question.as_of)
            steps = PostgresSteps(snapshot, question.as_of)
            sides = [await _walked(steps, start, walk) for walk in walks(question, start.id)]
            depths, more = nearest(sides, question.depth, question.limit)
            if len(depths) > LONG:
                await snapshot.replan()
            ids = list(depths)
            pairs, cut = await steps.pairs(ids, ids, EDGES_SHOWN)
            shown = await _shown(snapshot, depths, pairs)
        truncated = more or cut or any(pair.more for pair in pairs)
        return Graph(await shown.nodes(), await shown.edges(), truncated)

    async def between(self, question: Route) -> Paths:
        async with self._database.reading() as snapshot:
            start = await _start(snapshot, question.start, question.as_of)
            goal = await _start(snapshot, question.goal, question.as_of)
            await snapshot.replan()
            steps = PostgresSteps(snapshot, question.as_of)
            found = await Search(steps, start.id, goal.id, question.as_of).found(question.limit)
            if found.length is None:
                return Paths(None, (), (), (), found.truncated)
            shown = await _shown(snapshot, found.places, found.pairs)
        return Paths(found.length, found.paths, await shown.nodes(), await shown.edges(), found.truncated)


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer is made of."""

    depths: Depths
    pairs: Sequence[Pair]
    places: Sequence[asyncpg.Record]
    owners: Mapping[int, Owner]

    async def nodes(self) -> Sequence[Node]:
        return await _made(self._node, self.places)

    async def edges(self) -> Sequence[Edge]:
        return await _made(self._edge, self.pairs)

    def _node(self, row: asyncpg.Record) -> Node:
        return Node(**row, depth=self.depths[row["id"]])

    def _edge(self, pair: Pair) -> Edge:
        return Edge(pair.source, pair.target, [self.owners[each] for each in pair.pipelines])


async def _made(make: Callable[[Row], T], rows: Sequence[Row]) -> Sequence[T]:
    made = [make(row) for row in rows[:SLICE]]
    for begin in range(SLICE, len(rows), SLICE):
        await asyncio.sleep(0)
        made += [make(row) for row in rows[begin : begin + SLICE]]
    return made


async def _start(snapshot: Transaction, reference: Reference, as_of: datetime | None) -> Start:
    row = await snapshot.row(SQL["start"], **by(reference), pending=PENDING_READ)
    if row is None:
        raise AddressNotFound(reference)
    check_kept(row, as_of)
    return Start.of(row)


async def _walked(steps: PostgresSteps, start: Start, walk: Walk) -> Depths:
    way = walk.direction.value
    if walk.as_of is None and start.may_know(way):
        depths = {start.id: 0}
        if start.reached[way]:
            rows = await steps.snapshot.rows(SQL[f"kept_{way}"], start=start.id, depth=walk.depth)
            depths |= {row["id"]: row["depth"] for row in rows}
        if start.knows(way, depths, walk.depth):
            return depths
    return await reached(steps, walk)


async def _shown(snapshot: Transaction, depths: Depths, pairs: Sequence[Pair]) -> Shown:
    places = await snapshot.rows(SQL["places"], ids=list(depths))
    identities = {each for pair in pairs for each in pair.pipelines}
    owners = await snapshot.rows(SQL["owners"], ids=list(identities))
    return Shown(depths, pairs, places, {row["id"]: _owner(row) for row in owners})


def _pair(row: asyncpg.Record) -> Pair:
    return Pair(row["source"], row["target"], row["pipelines"], row["more"])


def _owner(row: asyncpg.Record) -> Owner:
    return Owner(
        id=row["id"], name=row["name"], type=row["type"], active=row["active"], last_run=_last_run(row)
    )


def _last_run(row: asyncpg.Record) -> LastRun | None:
    if row["run_id"] is None:
        return None
    return LastRun(
        id=row["run_id"],
        state=Status.after(row["end_date"], row["completed_successfully"]),
        start_date=row["start_date"],
        end_date=row["end_date"],
    )
