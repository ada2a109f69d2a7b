"""A streaming replica to read from: its answers are as true as the primary's, only read elsewhere.

What was answered is in the primary's log up to the position where that is written at the moment (its insert position).
A replica that has replayed the log to there knows all of it: whoever asks takes the position first, waits a little for
the replica to come by, and then reads. A replica that does not come by, or is away, is left alone for a while, and the
primary is read.

Positions of two servers mean something to each other only where one follows the other: that is asked before the first
use, and again after every trouble of either.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from time import monotonic, perf_counter

import asyncpg

from watcher.adapters.postgres.connections import Connection, Connections
from watcher.adapters.postgres.queries import load
from watcher.domain.diagnosis_replica import ReplicaFacts

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.1
POLL_SECONDS = 0.002
BEHIND_SECONDS = 1.0
"""A replica that was behind is asked again after so long."""

AWAY_SECONDS = 5.0
"""And one that failed."""

FAILURES = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
)
SQL = load("replica")


class StrangerError(Exception):
    """This is no replica of that database."""


class Replica:
    """Connections to a replica, to be used where it knows enough; `primary` are those to what it follows."""

    def __init__(self, primary: Connections, connections: Connections) -> None:
        self.connections = connections
        self._primary = primary
        self._asking: asyncio.Task[str] | None = None
        self._next: asyncio.Task[str] | None = None
        self._is_kin = False
        self._resting_until = 0.0
        self._troubled = self._tried = False

    async def level(self, uses: AsyncExitStack) -> Connection | None:
        """A connection on which all that was on record when this was called can be read, for as long as `uses` lasts.

        None where the primary is to be read. Raises what asyncpg raises where the primary is away.
        """
        if self._is_resting() or self._tried:
            return None
        if not self._troubled:
            return await self._level(uses)
        self._tried = True  # one finds out whether it is well again: where it hangs, the others do not wait
        try:
            return await self._level(uses)
        finally:
            self._tried = False

    async def _level(self, uses: AsyncExitStack) -> Connection | None:
        try:
            position = await self._position()
        except FAILURES:
            self._is_kin = False  # what comes back may be another primary
            raise
        try:
            async with AsyncExitStack() as attempt:
                connection = await attempt.enter_async_context(self.connections.taken())
                if self._is_resting():  # others found out, while this one waited for a connection
                    return None
                if not self._is_kin:
                    await self._require_kin(connection)
                if await self._comes_by(connection, position):
                    self._recovered()
                    await uses.enter_async_context(attempt.pop_all())
                    return connection
        except StrangerError as error:
            self._rest(AWAY_SECONDS, f"{error}")
            return None
        except FAILURES as error:
            self.rest(error)
            return None
        self._rest(BEHIND_SECONDS, f"it is more than {PATIENCE_SECONDS} s behind")
        return None

    async def examined(self) -> ReplicaFacts | str:
        """How it is just now, or why that cannot be told."""
        try:
            position = await self._position()
            async with self.connections.taken() as connection:
                is_kin = await self._of_one_origin(connection)
                began = perf_counter()
                (row,) = await connection.fetch(SQL["standing"].sql, position)
                return ReplicaFacts(perf_counter() - began, is_kin, **dict(row))
        except FAILURES as error:
            return f"{type(error).__name__}: {error}".rstrip(": .")

    def rest(self, error: BaseException) -> None:
        """Leaves it alone for a while, because it failed."""
        self._is_kin = False
        self._rest(AWAY_SECONDS, f"{type(error).__name__}: {error}".rstrip(": ."))

    def _rest(self, seconds: float, why: str) -> None:
        self._resting_until = monotonic() + seconds
        if not self._troubled:
            log.warning("The replica is not read from for now, but the primary: %s.", why)
        self._troubled = True

    def _is_resting(self) -> bool:
        return monotonic() < self._resting_until

    def _recovered(self) -> None:
        if self._troubled:
            log.info("The replica is read from again.")
        self._troubled = False

    async def _require_kin(self, connection: Connection) -> None:
        """Raises `StrangerError`."""
        if not await self._of_one_origin(connection):
            raise StrangerError("it follows another database, see WATCHER_REPLICA_URL")
        self._is_kin = True

    async def _of_one_origin(self, connection: Connection) -> bool:
        async with self._primary.taken() as primary:
            origin = await primary.fetchval(SQL["origin"].sql)
        return bool(await connection.fetchval(SQL["origin"].sql) == origin)

    async def _comes_by(self, connection: Connection, position: str) -> bool:
        until = monotonic() + PATIENCE_SECONDS
        while not await connection.fetchval(SQL["knows"].sql, position):
            if monotonic() >= until:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def _position(self) -> str:
        """The primary's position, taken after the call: who comes while one is asked for shares the next."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._asked_after(self._asking))
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def _asked_after(self, before: "asyncio.Task[str] | None") -> str:
        if before is not None:
            await asyncio.wait([before])
        self._asking, self._next = self._next, None
        async with self._primary.taken() as connection:
            return str(await connection.fetchval(SQL["position"].sql))


def _seen(asked: "asyncio.Task[str]") -> None:
    """Who asked may be gone by now; whoever is there is told of the failure by the task itself."""
    if not asked.cancelled():
        asked.exception()
