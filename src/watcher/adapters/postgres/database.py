"""The way to PostgreSQL: a pool that opens when it can, and driver errors in the words of the domain."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Any

import asyncpg
import orjson

from watcher.adapters.postgres.queries import Query
from watcher.domain.errors import StoreUnavailable

Connection = asyncpg.pool.PoolConnectionProxy

ATTEMPTS = 3
KEEP_SECONDS = 120.0
RESERVED_CONNECTIONS = 5
SERVER_SETTINGS = {
    # Plans of statements over `unnest` do not depend on the values: plan once for each connection.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "application_name": "watcher",
    "timezone": "UTC",
}
NOT_THERE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
)
NOT_MIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedObjectError)
ROLLED_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Database:
    """A pool of connections to one database.

    `pool_size` is the most connections this process may hold; 0 derives it from the limit of the database
    and `processes`, the number of processes that share it, but `LARGEST_POOL` at most: few connections with
    work waiting in the process are faster than many that contend in the database.
    `timeout` bounds, in seconds, connecting, waiting for a connection, and each statement.
    """

    LARGEST_POOL = 8

    def __init__(self, dsn: str, *, pool_size: int = 0, processes: int = 1, timeout: float = 10.0) -> None:
        self._dsn = dsn
        self._pool_size = pool_size
        self._processes = processes
        self._timeout = timeout
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._kept: list[tuple[float, Connection]] = []
        self._queued = 0

    async def open(self) -> None:
        """Raises `StoreUnavailable`; then the next statement tries again."""
        with _in_words_of_the_domain():
            await self.opened()

    async def close(self) -> None:
        """Waits for what is under way, then closes; what does not end within `timeout` is cut off."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            while self._kept:
                await pool.release(self._kept.pop()[1])
            await asyncio.wait_for(pool.close(), self._timeout)
        except TimeoutError:
            pool.terminate()

    async def rows(self, query: Query, **values: object) -> list[asyncpg.Record]:
        """All rows of one statement, which is a transaction by itself. Raises `StoreUnavailable`."""
        arguments = query.arguments(values)
        for _ in range(ATTEMPTS):
            try:
                with _in_words_of_the_domain():
                    async with _Taken(self) as connection:
                        return await connection.fetch(query.sql, *arguments)
            except ROLLED_BACK:
                continue
        raise StoreUnavailable(f"it chose this statement as a deadlock's victim {ATTEMPTS} times")

    async def row(self, query: Query, **values: object) -> asyncpg.Record | None:
        """The first row, if any. Raises `StoreUnavailable`."""
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Several statements as one. Raises `StoreUnavailable`."""
        try:
            with _in_words_of_the_domain():
                async with _Taken(self) as connection, connection.transaction():
                    yield Transaction(connection)
        except ROLLED_BACK:
            raise StoreUnavailable("it chose this transaction as a deadlock's victim") from None

    @property
    def in_use(self) -> int:
        """How many connections are in the middle of something."""
        if self._pool is None:
            return 0
        return self._pool.get_size() - self._pool.get_idle_size() - len(self._kept)

    async def take(self, pool: asyncpg.Pool) -> Connection:
        """A connection for one use, to be given back; one that was kept, if any is fit."""
        while self._kept:
            since, connection = self._kept.pop()
            if not connection.is_closed() and monotonic() - since < KEEP_SECONDS:
                return connection
            await connection.close()
            await pool.release(connection)
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
        else:
            await pool.release(connection)

    async def opened(self) -> asyncpg.Pool:
        """The pool, made when first asked for."""
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await self._new_pool()
        return self._pool

    async def _new_pool(self) -> asyncpg.Pool:
        size = self._pool_size or await self._derived_size()
        pool = asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=size,
            timeout=self._timeout,
            command_timeout=self._timeout,
            max_inactive_connection_lifetime=300,
            server_settings=SERVER_SETTINGS,
            init=_prepared,
            reset=_left_as_it_is,
        )
        return await pool

    async def _derived_size(self) -> int:
        connection = await asyncpg.connect(self._dsn, timeout=self._timeout)
        try:
            limit = int(await connection.fetchval("SHOW max_connections"))
        finally:
            await connection.close()
        share = (limit - RESERVED_CONNECTIONS) // self._processes
        return max(1, min(share, self.LARGEST_POOL))


class _Taken:
    """A connection of the database, for the length of a block."""

    __slots__ = ("_connection", "_database", "_pool")

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Connection:
        self._pool = await self._database.opened()
        self._connection = await self._database.take(self._pool)
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._database.give_back(self._pool, self._connection, fit=kind is None)


class Transaction:
    """The statements of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, query: Query, **values: object) -> list[asyncpg.Record]:
        return list(await self._connection.fetch(query.sql, *query.arguments(values)))

    async def row(self, query: Query, **values: object) -> asyncpg.Record | None:
        return await self._connection.fetchrow(query.sql, *query.arguments(values))

    async def one(self, query: Query, **values: object) -> asyncpg.Record:
        """The row that must be there."""
        row = await self.row(query, **values)
        if row is None:
            raise LookupError(f"{query.name} found no row")
        return row


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


@contextmanager
def _in_words_of_the_domain() -> Iterator[None]:
    try:
        yield
    except NOT_MIGRATED as error:
        raise StoreUnavailable(
            "its schema is not the one this program needs, run `watcher migrate`"
        ) from error
    except NOT_THERE as error:
        if isinstance(error, ValueError):
            raise  # an argument that the driver cannot encode is our mistake, not the database's absence
        raise StoreUnavailable(f"{type(error).__name__}: {error}".rstrip(": .")) from error
