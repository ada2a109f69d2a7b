"""Questions about the graph of lineage, answered by PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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
    NODES_LIMIT,
    Depths,
    Edge,
    Graph,
    LastRun,
    Node,
    Owner,
    Paths,
    Route,
    Surroundings,
    Walk,
    nearest,
    on_the_way,
    spelled_out,
)
from watcher.domain.text import Reference

SQL = load("lineage_graph")


PENDING_READ = 65
"""More pending entries than these minus one are not looked at: who asks meanwhile walks along the edges."""


@dataclass(frozen=True, slots=True)
class Start:
    """An address that a question begins with, and what is known about its kept reaches."""

    id: int
    kept: Mapping[str, bool]
    pending: Sequence[tuple[int, bool, bool]]

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Start":
        kept = {"downstream": row["downstream_kept"], "upstream": row["upstream_kept"]}
        columns = (row["addresses"] or (), row["downstream"] or (), row["spreads"] or ())
        return cls(row["id"], kept, list(zip(*columns, strict=True)))

    def may_know(self, way: str) -> bool:
        return self.kept[way] and len(self.pending) < PENDING_READ

    def knows(self, way: str, depths: Depths, depth: int) -> bool:
        """Whether the kept reach is right as far as `depth`: nothing changed at an address before that."""
        return not any(
            address == self.id or (spreads and depths.get(address, depth) < depth)
            for address, downstream, spreads in self.pending
            if downstream == (way == "downstream")
        )


class PostgresLineageGraph:
    """`LineageGraph` by SQL: from the closure where that knows the answer, else along the edges."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def around(self, question: Surroundings) -> Graph:
        async with self._database.snapshot() as snapshot:
            start = await _start(snapshot, question.start, question.as_of)
            sides = [await _walked(snapshot, start, walk) for walk in question.walks(start.id)]
            depths, more = nearest(sides, question.limit)
            if len(depths) > LONG:
                await snapshot.replan()
            nodes = await _nodes(snapshot, depths)
            edges = await _edges(snapshot, depths, question.as_of)
        return Graph(nodes, edges[:EDGES_SHOWN], more or len(edges) > EDGES_SHOWN)

    async def between(self, question: Route) -> Paths:
        async with self._database.snapshot() as snapshot:
            start = await _start(snapshot, question.start, question.as_of)
            goal = await _start(snapshot, question.goal, question.as_of)
            there = question.there(start.id, goal.id)
            down = await _walked(snapshot, start, there)
            if goal.id not in down:
                return Paths(None, (), (), (), there.cut_short(down))
            length = down[goal.id]
            up = await _walked(snapshot, goal, question.back(start.id, goal.id, length))
            depths, cut = nearest([on_the_way(down, up, goal.id)], NODES_LIMIT)
            await snapshot.replan()
            nodes = await _nodes(snapshot, depths)
            edges = await _edges(snapshot, depths, question.as_of)
        leading = [edge for edge in edges if depths[edge.target] == depths[edge.source] + 1]
        pairs = [(edge.source, edge.target) for edge in leading]
        paths, more = spelled_out(depths, pairs, start.id, goal.id, question.limit)
        return Paths(length, paths, nodes, leading, cut or more or len(edges) > EDGES_SHOWN)


async def _start(snapshot: Transaction, reference: Reference, as_of: datetime | None) -> Start:
    row = await snapshot.row(SQL["start"], **by(reference), pending=PENDING_READ)
    if row is None:
        raise AddressNotFound(reference)
    check_kept(row, as_of)
    return Start.of(row)


async def _walked(snapshot: Transaction, start: Start, walk: Walk) -> Depths:
    way = walk.direction.value
    if walk.as_of is None and start.may_know(way):
        rows = await snapshot.rows(SQL[f"kept_{way}"], start=walk.start, depth=walk.depth)
        depths = {walk.start: 0} | {row["id"]: row["depth"] for row in rows}
        if start.knows(way, depths, walk.depth):
            return depths
    levels = await snapshot.rows(
        SQL[f"walk_{way}" if walk.as_of is None else f"walk_{way}_as_of"],
        start=walk.start,
        depth=walk.depth,
        limit=walk.limit,
        goal=walk.goal,
        as_of=walk.as_of,
    )
    return {identity: level["depth"] for level in levels for identity in level["frontier"]}


async def _nodes(snapshot: Transaction, depths: Depths) -> Sequence[Node]:
    rows = await snapshot.rows(SQL["places"], ids=list(depths))
    return [Node(**row, depth=depths[row["id"]]) for row in rows]


async def _edges(snapshot: Transaction, depths: Depths, as_of: datetime | None) -> Sequence[Edge]:
    """At most one more than are shown."""
    rows = await snapshot.rows(
        SQL["edges" if as_of is None else "edges_as_of"],
        ids=list(depths),
        limit=EDGES_SHOWN + 1,
        as_of=as_of,
    )
    owners = await _owners(snapshot, {owner for row in rows for owner in row["pipelines"]})
    return [Edge(row["source"], row["target"], [owners[owner] for owner in row["pipelines"]]) for row in rows]


async def _owners(snapshot: Transaction, identities: Iterable[int]) -> dict[int, Owner]:
    rows = await snapshot.rows(SQL["owners"], ids=list(identities))
    return {row["id"]: _owner(row) for row in rows}


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
