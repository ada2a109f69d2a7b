"""What lies around addresses: from the closure, by a walk along the edges, and as the port answers."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.database import Database
from benchmarks.graphs import SEED, Lineage
from benchmarks.measure import Load, Spread, timed
from watcher.adapters.postgres import database as postgres
from watcher.adapters.postgres.connections import SERVER_SETTINGS
from watcher.adapters.postgres.lineage_graph import PENDING_READ, PostgresLineageGraph
from watcher.adapters.postgres.queries import Query, load
from watcher.domain.closure import REACH_LIMIT
from watcher.domain.lineage_graph import DEPTH_LIMIT, NODES_LIMIT, Direction, Surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SQL = load("lineage_graph")
LOOKUP = Query.parsed("lookup", "SELECT a.id FROM address AS a WHERE a.id = :id OR a.name_key = :name_key")
"""All that a walk needs to know before it begins."""

CLASSES = ((1, 10), (11, 100), (101, REACH_LIMIT), (REACH_LIMIT + 1, 1_000), (1_001, None))
"""Sizes of reaches; those of the last two are not kept."""

NEAR = 3
CANDIDATES = 4_000
WARM_UP = 3
WAYS = (Direction.DOWNSTREAM, Direction.UPSTREAM)


@dataclass(frozen=True, slots=True)
class Asked:
    """One kind of question about some addresses of a graph."""

    way: Direction
    depth: int
    starts: Sequence[int]
    reach: str
    bounded: bool
    """Whether this is promised to be fast: at most 1,000 addresses are reached, or the depth is small."""

    @property
    def name(self) -> str:
        return f"{self.way.value}, depth {self.depth}" if self.depth == NEAR else f"{self.way.value}, whole"


@dataclass(frozen=True, slots=True)
class Answered:
    """How long the answers took: by the two ways to find the addresses, and in full through the port."""

    asked: Asked
    walk: Load
    port: Load
    closure: Load | None
    win: Spread | None
    """Walk / closure, start by start."""

    @property
    def taken(self) -> float:
        """The p99 in the database, in ms: of the closure where some of the starts have one and of the walk."""
        return max(self.walk.p99, self.closure.p99 if self.closure else 0.0)


def questions(graph: Lineage, near: int, whole: int) -> Iterator[Asked]:
    """So many starts drawn at random for the neighbourhood, and so many of each size for all that is reached."""
    order = list(range(1, graph.addresses + 1))
    Random(SEED).shuffle(order)
    for way in WAYS:
        yield Asked(way, NEAR, order[:near], "any", bounded=True)
    for way in WAYS:
        turned = graph if way is Direction.DOWNSTREAM else graph.turned
        found = _by_size(turned, order[:CANDIDATES], whole)
        for (least, most), starts in found.items():
            if starts:
                name = f"{least:,} - {most:,}" if most else f"> {least - 1:,}"
                yield Asked(way, DEPTH_LIMIT, starts, name, bounded=most is not None)


def answered(database: Database, asked: Sequence[Asked], repeats: int) -> list[Answered]:
    async def all_of_them() -> list[Answered]:
        gc.collect()
        gc.freeze()  # as a server does: else the collector walks through the generated graphs between two answers
        async with _asking(database.dsn) as session:
            return [await session.answered(each, repeats) for each in asked]

    return asyncio.run(all_of_them())


def _by_size(graph: Lineage, candidates: Sequence[int], most: int) -> dict[tuple[int, int | None], list[int]]:
    found: dict[tuple[int, int | None], list[int]] = {size: [] for size in CLASSES}
    for start in candidates:
        reach = graph.reach(start, 1_000)
        for low, high in CLASSES:
            if low <= reach and (high is None or reach <= high) and len(found[low, high]) < most:
                found[low, high].append(start)
    return found


@dataclass(frozen=True, slots=True)
class _Times:
    closure: list[float] = field(default_factory=list)
    instead: list[float] = field(default_factory=list)
    walk: list[float] = field(default_factory=list)
    port: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Session:
    """A connection with the settings of the product's, and the product's port beside it."""

    connection: asyncpg.Connection
    port: PostgresLineageGraph

    async def answered(self, asked: Asked, repeats: int) -> Answered:
        for start in asked.starts[:WARM_UP]:
            await self._once(asked, start, _Times())
        times = _Times()
        for _ in range(repeats):
            for start in asked.starts:
                await self._once(asked, start, times)
        closure = timed(times.closure) if times.closure else None
        win = (
            Spread.of([walk / kept for walk, kept in zip(times.instead, times.closure, strict=True)])
            if closure
            else None
        )
        return Answered(asked, timed(times.walk), timed(times.port), closure, win)

    async def _once(self, asked: Asked, start: int, times: _Times) -> None:
        way = asked.way.value
        looked_up = await self._seconds(LOOKUP, id=start, name_key=None)
        bounds = {"start": start, "starts": [start], "depth": asked.depth + 1, "limit": NODES_LIMIT}
        times.walk.append(looked_up + await self._seconds(SQL[f"walk_{way}"], **bounds))
        before = time.perf_counter()
        asked_for = SQL["start"].arguments({"id": start, "name_key": None, "pending": PENDING_READ})
        (row,) = await self.connection.fetch(SQL["start"].sql, *asked_for)
        begin = time.perf_counter() - before
        if (reached := row[f"reached_{way}"]) is not None:
            read = await self._seconds(SQL[f"kept_{way}"], **bounds) if reached else 0.0
            times.closure.append(begin + read)
            times.instead.append(times.walk[-1])
        before = time.perf_counter()
        await self.port.around(
            Surroundings(start=start, direction=asked.way, depth=asked.depth, limit=NODES_LIMIT)
        )
        times.port.append(time.perf_counter() - before)

    async def _seconds(self, query: Query, **values: object) -> float:
        arguments = query.arguments(values)
        before = time.perf_counter()
        await self.connection.fetch(query.sql, *arguments)
        return time.perf_counter() - before


@asynccontextmanager
async def _asking(dsn: str) -> AsyncIterator[_Session]:
    connection = await asyncpg.connect(dsn, server_settings=SERVER_SETTINGS)
    product = postgres.Database(dsn, pool_size=1)
    try:
        yield _Session(connection, PostgresLineageGraph(product))
    finally:
        await product.close()
        await connection.close()
