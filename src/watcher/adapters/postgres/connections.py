"""Connections to one database: asyncpg's pool, and those of it that are kept between statements."""

import asyncio
import os
import socket
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any

import asyncpg
import orjson

from watcher.domain.measures import PoolUse
from watcher.domain.pool_names import PREFIX, PoolName

Connection = asyncpg.pool.PoolConnectionProxy

LARGEST_POOL = 8
RESERVED_CONNECTIONS = 5
IDLE_SECONDS = 300.0
KEEP_SECONDS = 120.0
LOCK_SECONDS = 3.0
STATEMENTS = 100
"""Prepared, at most, on one connection."""

SERVER_SETTINGS = {
    # The plans of statements over short lists do not depend on the values: plan once for each connection.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "application_name": PREFIX,
    "timezone": "UTC",
}
KNOWN_TO_POOLERS = ("application_name", "timezone")
"""What PgBouncer takes at the start of a connection, and sets wherever that leads."""

NUMBERS = count(1)
"""Of the pools of this process."""


class Connections:
    """At most `size` connections, made when needed and anew where they broke.

    `pooled` ones lead to PgBouncer in transaction mode, where a connection is another session in each transaction: no
    statement is prepared on it, and what is set is set in each transaction, by `terms`. Others are named after `program` and
    this process, see `PoolName`; those not, for PgBouncer would have to rename its own whenever they change hands.

    With `size` 0 it is derived from the database's limit and `processes`, the number of processes that share
    it, but `LARGEST_POOL` at most: few connections with work waiting in the process are faster than many that
    contend in the database. `timeout` bounds, in seconds, connecting, waiting for a connection, and each
    statement.
    """

    def __init__(
        self,
        dsn: str,
        *,
        size: int,
        processes: int,
        timeout: float,
        pooled: bool = False,
        program: str = "embedded",
    ) -> None:
        self.pooled = pooled
        self._program = program
        self._dsn = dsn
        self._size = size
        self._processes = processes
        self._timeout = timeout
        self._statements = 0 if pooled else STATEMENTS
        set_at_once = SERVER_SETTINGS | {"lock_timeout": f"{self._lock_milliseconds()}ms"}
        self._server_settings = (
            {name: set_at_once[name] for name in KNOWN_TO_POOLERS} if pooled else set_at_once
        )
        self.terms = "; ".join(
            f"SET LOCAL {name} = '{value}'"
            for name, value in set_at_once.items()
            if name not in self._server_settings
        )
        self._pool: asyncpg.Pool | None = None
        self._opening: asyncio.Task[asyncpg.Pool] | None = None
        self._closed = False
        self._kept: list[tuple[float, Connection]] = []
        self._queued = 0
        self.in_use = 0

    def taken(self) -> "Taken":
        """A connection for the length of an `async with`."""
        return Taken(self)

    def use(self) -> PoolUse:
        """How many are in use, and how many are connected and idle; how many uses wait for one."""
        size = 0 if self._pool is None else self._pool.get_size()
        return PoolUse(self.in_use, max(size - self.in_use, 0), self._queued)

    def extent(self) -> tuple[int, int, int]:
        """Connections in use, open, and how many there may be at most; 0 while that is not known."""
        pool = self._pool
        if pool is None:
            return 0, 0, self._size
        return self.in_use, pool.get_size(), pool.get_max_size()

    async def close(self) -> None:
        """Waits for what is under way, then closes for good; what does not end within `timeout` is cut off."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            while self._kept:
                await _given_up(pool, self._kept.pop()[1])
            await asyncio.wait_for(pool.close(), self._timeout)
        except TimeoutError:
            pool.terminate()

    async def opened(self) -> asyncpg.Pool:
        """The pool, made when first asked for; who asks meanwhile shares the attempt, and its failure."""
        if self._closed:
            raise asyncpg.InterfaceError("its connections were closed by this program")
        if self._pool is None:
            if self._opening is None:
                self._opening = asyncio.create_task(self._new_pool())
            opening = self._opening
            try:
                self._pool = await asyncio.shield(opening)
            finally:
                if opening.done():
                    self._opening = None
        return self._pool

    async def try_one(self) -> None:
        """Connects and lets go again, beside the pool."""
        connection = await asyncpg.connect(self._dsn, timeout=self._timeout)
        await connection.close()

    async def take(self, pool: asyncpg.Pool) -> Connection:
        """A connection for one use, to be given back; one that was kept, if any is fit."""
        while self._kept:
            since, connection = self._kept.pop()
            if monotonic() - since < KEEP_SECONDS and _whole(connection):
                return connection
            await _given_up(pool, connection)
        self._queued += 1
        try:
            return await pool.acquire(timeout=self._timeout)
        finally:
            self._queued -= 1

    async def give_back(self, pool: asyncpg.Pool, connection: Connection, *, fit: bool) -> None:
        """Keeps the connection for the next use, which costs less than the pool's own bookkeeping does.

        It goes through the pool where somebody waits there for one, where its use went wrong, and at the end.
        """
        if fit and not self._queued and pool is self._pool:
            self._kept.append((monotonic(), connection))
            if monotonic() - self._kept[0][0] > KEEP_SECONDS:  # more are kept than are used
                await _given_up(pool, self._kept.pop(0)[1])
        else:
            await pool.release(connection)

    async def _new_pool(self) -> asyncpg.Pool:
        size = self._size or await self._derived_size()
        pool = asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=size,
            timeout=self._timeout,
            command_timeout=self._timeout,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            server_settings=self._server_settings | ({} if self.pooled else self._name(size)),
            statement_cache_size=self._statements,
            init=_prepared,
            reset=_left_as_it_is,
        )
        return await pool

    def _name(self, size: int) -> dict[str, str]:
        """Made with the pool, when this process is no longer to become another."""
        return named(self._program, size, next(NUMBERS))

    def _lock_milliseconds(self) -> int:
        """Less than a statement has: who waits for a row that somebody holds can say so, and let others pass."""
        return int(min(self._timeout / 2, LOCK_SECONDS) * 1_000)

    async def _derived_size(self) -> int:
        connection = await asyncpg.connect(
            self._dsn, timeout=self._timeout, statement_cache_size=self._statements
        )
        try:
            limit = int(await connection.fetchval("SHOW max_connections"))
        finally:
            await connection.close()
        return max(1, min((limit - RESERVED_CONNECTIONS) // self._processes, LARGEST_POOL))


def named(program: str, size: int, number: int = 1) -> dict[str, str]:
    """The setting that says on the server whose connections these are."""
    return {"application_name": PoolName.made(program, os.getpid(), number, socket.gethostname(), size).text}


class Taken:
    """A connection, for the length of a block."""

    __slots__ = ("_connection", "_connections", "_pool")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __aenter__(self) -> Connection:
        self._pool = await self._connections.opened()
        self._connection = await self._connections.take(self._pool)
        self._connections.in_use += 1
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connections.in_use -= 1
        await self._connections.give_back(self._pool, self._connection, fit=kind is None)


def _whole(connection: Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # it broke while it was kept, and the pool has taken it back
        return False


async def _given_up(pool: asyncpg.Pool, connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # as above
        await connection.close()
    await pool.release(connection)


async def _prepared(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda document: b"\x01" + orjson.dumps(document),
        decoder=lambda stored: orjson.loads(stored[1:]),
    )


async def _left_as_it_is(_: Any) -> None:
    """Nothing that Watcher does outlives its transaction on a connection: no round trip to reset it."""
