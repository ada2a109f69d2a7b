"""What it takes to keep the closure: made anew as a whole, and after one declaration."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psutil
from pydantic import SecretStr

from benchmarks.database import Counters, Database
from benchmarks.graphs import Edge
from benchmarks.lineage_store import Sizes, address, sizes
from benchmarks.machine import MEGABYTE
from benchmarks.measure import Load, RunVoid, timed
from watcher.adapters.postgres.queries import Query
from watcher.container import Container, closing
from watcher.domain.address import AddressDeclaration
from watcher.domain.lineage import LineageDeclaration, Replaced, Replacement
from watcher.domain.watcher import Watcher
from watcher.settings import Settings

FLUSHED = Query.parsed("flushed", "SELECT pg_stat_force_next_flush()")
WRITTEN = """
    SELECT n_tup_ins + n_tup_upd + n_tup_del
    FROM pg_stat_user_tables
    WHERE relname = 'address_lineage_closure'
"""
LOOKS_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A closure made anew by `watcher lineage rebuild`: seconds, and the most memory that the program took."""

    seconds: float
    rss_mb: float
    sizes: Sizes


@dataclass(frozen=True, slots=True)
class Maintained:
    """`MaintainClosure` after one edge more and after one edge less; `observed` has the pairs that changed."""

    name: str
    added: Load
    removed: Load


def rebuilt(database: Database) -> Rebuilt:
    before = time.monotonic()
    usage = _watcher(database, "rebuild")
    seconds = time.monotonic() - before
    database.execute(
        ["VACUUM (ANALYZE) address_lineage_closure, address_lineage_reach, address_lineage_pending"]
    )
    return Rebuilt(seconds, usage / MEGABYTE, sizes(database))


def verify(database: Database) -> None:
    """Raises `RunVoid` unless the closure is what the edges say."""
    _watcher(database, "verify")


def _watcher(database: Database, verb: str) -> float:
    """Runs `watcher lineage`; the most bytes that it had resident."""
    program = Path(sys.executable).with_name("watcher")
    environment = {**os.environ, "WATCHER_DATABASE_URL": database.dsn}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [program, "lineage", verb], env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        most = _most_resident(process)
        if process.returncode:
            said.seek(0)
            raise RunVoid(f"`watcher lineage {verb}` failed: {said.read()[-2_000:]}")
    return most


def _most_resident(process: subprocess.Popen[bytes]) -> float:
    """Looks now and again until it ends: what the system counts for a child begins with what its parent had."""
    most = 0
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            most = max(most, psutil.Process(process.pid).memory_info().rss)
        time.sleep(LOOKS_SECONDS)
    return float(most)


def _container(database: Database) -> Container:
    """With one connection, so that what it wrote is told by its statistics."""
    return Container(settings=Settings(database_url=SecretStr(database.dsn), pool_size=1))


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration: milliseconds and statements, BEGIN and COMMIT among them, and the upkeep that followed."""

    name: str
    milliseconds: float
    statements: int
    upkeep_ms: float


def large(database: Database, counters: Counters, pipeline: int, addresses: int) -> list[Declared]:
    """One pipeline declares one thing after another, of addresses after the given number: those are new at first."""
    steps = (
        ("400 x 100, all addresses new", 400, 100, 0),
        ("400 x 100, 80,000 other edges", 400, 100, 100),
        ("400 x 100, the same again", 400, 100, 100),
        ("3 x 2, all edges other ones", 3, 2, 100),
    )

    async def measured() -> list[Declared]:
        container = _container(database)
        async with closing(container) as watcher:
            return [await one(watcher, *step) for step in steps]

    async def one(watcher: Watcher, name: str, sources: int, targets: int, after: int) -> Declared:
        numbers = range(addresses + 1 + after, addresses + 1 + after + sources + targets)
        await asyncio.to_thread(counters.reset)
        began = time.perf_counter()
        await declared(watcher, pipeline, numbers[:sources], numbers[sources:])
        seconds = time.perf_counter() - began
        statements = await asyncio.to_thread(counters.statements)
        began = time.perf_counter()
        await watcher.maintain_closure()
        return Declared(name, 1_000 * seconds, statements, 1_000 * (time.perf_counter() - began))

    return asyncio.run(measured())


def maintained(database: Database, name: str, pipeline: int, edges: Sequence[Edge]) -> Maintained:
    """Declares each edge, and then that there is none, by a pipeline that owns nothing else."""

    async def measured() -> Maintained:
        gc.collect()
        gc.freeze()  # as a server does: else the collector walks through the generated graphs while it is timed
        container = _container(database)
        async with closing(container) as watcher:
            counting = await asyncpg.connect(database.dsn)
            try:
                return await _Upkeep(container, watcher, counting, pipeline).of(name, edges)
            finally:
                await counting.close()

    return asyncio.run(measured())


@dataclass(frozen=True, slots=True)
class _Taken:
    seconds: list[float] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)

    def load(self) -> Load:
        return timed(self.seconds, pairs=sum(self.pairs), most_pairs=max(self.pairs))


@dataclass(frozen=True, slots=True)
class _Upkeep:
    container: Container
    watcher: Watcher
    counting: asyncpg.Connection
    pipeline: int

    async def of(self, name: str, edges: Sequence[Edge]) -> Maintained:
        warm_up, added, removed = _Taken(), _Taken(), _Taken()
        for turn, (source, target) in enumerate([edges[0], *edges]):
            await self._step([source], [target], added if turn else warm_up)
            await self._step([source], [], removed if turn else warm_up)
        return Maintained(name, added.load(), removed.load())

    async def _step(self, sources: Sequence[int], targets: Sequence[int], taken: _Taken) -> None:
        await declared(self.watcher, self.pipeline, sources, targets)
        before = await self._written()
        began = time.perf_counter()
        await self.watcher.maintain_closure()
        taken.seconds.append(time.perf_counter() - began)
        taken.pairs.append(await self._written() - before)

    async def _written(self) -> int:
        await self.container.database().rows(FLUSHED)
        written: int = await self.counting.fetchval(WRITTEN)
        return written


async def declared(watcher: Watcher, pipeline: int, sources: Sequence[int], targets: Sequence[int]) -> None:
    """A declaration that announces nothing: nobody maintains the closure but who measures it."""
    declaration = LineageDeclaration(
        pipeline_id=pipeline, sources=_addresses(sources), targets=_addresses(targets)
    )
    (standing,) = await watcher.lineage.standing([declaration])
    if isinstance(standing, Exception):
        raise RunVoid(f"A declaration was refused: {standing}")
    if not standing.unchanged:
        replacement = Replacement(declaration, standing.version, datetime.now(UTC))
        (replaced,) = await watcher.lineage.replace([replacement])
        if not isinstance(replaced, Replaced):
            raise RunVoid(f"A declaration was refused: {replaced}")


def _addresses(numbers: Sequence[int]) -> Sequence[AddressDeclaration]:
    return [address(number) for number in numbers]
