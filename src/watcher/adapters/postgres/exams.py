"""What `watcher doctor` asks PostgreSQL."""

import asyncio
from time import perf_counter

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.adapters.postgres.schema import migrations
from watcher.domain.clock import Clock
from watcher.domain.diagnosis_database import (
    DatabaseFacts,
    TransactionFacts,
    WaitFacts,
    WorkFacts,
)
from watcher.domain.diagnosis_pools import LOOKS, PAUSE_SECONDS, Holding, PoolFacts
from watcher.domain.diagnosis_schema import Objects
from watcher.domain.diagnosis_tables import IndexFacts, TableFacts
from watcher.domain.errors import Unavailable

SQL = load("diagnosis")


def expected_objects() -> Objects:
    """The schema that the migrations make; a test keeps the file true."""
    return dict(map(_parted, (migrations() / "schema.txt").read_text().splitlines()))


def _parted(line: str) -> tuple[str, str]:
    """The name of an object, and what stands behind it."""
    kind, name, definition = line.split(" ", 2)
    return (line, "") if kind == "column" else (f"{kind} {name}", definition)


class PostgresExams:
    """`DatabaseExams` by SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def examined(self) -> DatabaseFacts | str:
        try:
            return await self._examined()
        except Unavailable as error:
            return str(error)

    async def _examined(self) -> DatabaseFacts:
        rows, row = self._database.rows, self._database.row
        connecting = await self._connecting()
        began, before = perf_counter(), self._clock.now()
        server = dict(await row(SQL["server"]) or {})
        answering, after = perf_counter() - began, self._clock.now()
        skew = server.pop("time") - before - (after - before) / 2
        return DatabaseFacts(
            connect_seconds=connecting,
            answer_seconds=answering,
            skew_seconds=skew.total_seconds(),
            pools=PoolFacts(await self._looks(), self._database.connections.pooled),
            unsafe=server.pop("unsafe") or (),
            transactions=[TransactionFacts(**each) for each in await rows(SQL["transactions"])],
            waits=[WaitFacts(**each) for each in await rows(SQL["waits"])],
            tables=[TableFacts(**each) for each in await rows(SQL["tables"])],
            indexes=[IndexFacts(**each) for each in await rows(SQL["indexes"])],
            objects={each["name"]: each["definition"] for each in await rows(SQL["objects"])},
            expected=expected_objects(),
            **server,
            **dict(await row(SQL["connections"]) or {}),
            work=await self.work(),
            replica=None if self._database.replica is None else await self._database.replica.examined(),
        )

    async def work(self) -> WorkFacts | None:
        """The only look into the tables themselves, which others may have locked."""
        try:
            row = await self._database.row(SQL["work"])
        except Unavailable:
            return None
        return WorkFacts(**dict(row)) if row is not None else None

    async def _looks(self) -> list[list[Holding]]:
        """Who has which connections, asked several times within a short while."""
        looks = [await self._look()]
        for _ in range(LOOKS - 1):
            await asyncio.sleep(PAUSE_SECONDS)
            looks.append(await self._look())
        return looks

    async def _look(self) -> list[Holding]:
        return [Holding(**each) for each in await self._database.rows(SQL["pools"])]

    async def _connecting(self) -> float:
        """Seconds that a connection of its own takes."""
        began = perf_counter()
        await self._database.connected()
        return perf_counter() - began
