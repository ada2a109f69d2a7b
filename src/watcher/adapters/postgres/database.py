"""The way to PostgreSQL: statements on its connections, and driver errors in the words of the domain."""

from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import Literal

import asyncpg

from watcher.adapters.postgres.connections import Connection, Connections
from watcher.adapters.postgres.queries import Query
from watcher.adapters.postgres.remedies import Way, remedy
from watcher.adapters.postgres.replica import FAILURES, Replica
from watcher.domain.document import Document, canonical
from watcher.domain.errors import StoreBusy, StoreRefused, StoreUnavailable

ATTEMPTS = 3
PLAN_FOR_THESE_VALUES = "SET LOCAL plan_cache_mode = force_custom_plan"
PLAN_ONCE = "SET LOCAL plan_cache_mode = force_generic_plan"
PLAN_IN_ORDER = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL work_mem = '32MB'"
)
NOT_THERE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it is starting, stopping, or was told to stop the statement
    asyncpg.InsufficientResourcesError,  # its disk, memory or connections are used up
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
)
NOT_MIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedObjectError)
ROLLED_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


Isolation = Literal["repeatable_read"]


class Database:
    """One database, over `Connections`; nothing connects at first.

    What only reads, by `read`, `read_replanned` and `reading`, is read on the `replica` where there is one: see there.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 0,
        processes: int = 1,
        timeout: float = 10.0,
        pooled: bool = False,
        replica: str | None = None,
        program: str = "embedded",
    ) -> None:
        def connections(dsn: str) -> Connections:
            return Connections(
                dsn, size=pool_size, processes=processes, timeout=timeout, pooled=pooled, program=program
            )

        self.connections = connections(dsn)
        self.replica = None if replica is None else Replica(self.connections, connections(replica))
        self._way = Way(dsn, "WATCHER_POOLER_URL", "PgBouncer") if pooled else Way(dsn)
        self._way_to_replica = None if replica is None else Way(replica, "WATCHER_REPLICA_URL")

    async def close(self) -> None:
        """Waits for what is under way, then closes."""
        await self.connections.close()
        if self.replica is not None:
            await self.replica.connections.close()

    async def connected(self) -> None:
        """Makes a connection of its own and lets go of it. Raises `StoreUnavailable`."""
        with _in_words_of_the_domain(self._way):
            await self.connections.try_one()

    async def rows(self, query: Query, **values: object) -> list[asyncpg.Record]:
        """All rows of one statement, which is a transaction by itself. Raises `StoreUnavailable`."""
        return await self._fetched(query, values, replan=False)

    async def rows_replanned(self, query: Query, **values: object) -> list[asyncpg.Record]:
        """As `rows`, but planned for these very values: a plan for short lists is quadratic in long ones."""
        return await self._fetched(query, values, replan=True)

    async def row(self, query: Query, **values: object) -> asyncpg.Record | None:
        """The first row, if any. Raises `StoreUnavailable`."""
        rows = await self.rows(query, **values)
        return rows[0] if rows else None

    async def read(self, query: Query, **values: object) -> list[asyncpg.Record]:
        """As `rows`, of a statement that only reads."""
        return await self._read(query, values, replan=False)

    async def read_replanned(self, query: Query, **values: object) -> list[asyncpg.Record]:
        """As `rows_replanned`, of a statement that only reads."""
        return await self._read(query, values, replan=True)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["Transaction"]:
        """As `snapshot`, of statements that only read. Where the replica fails amid them, raises `StoreUnavailable`."""
        async with AsyncExitStack() as uses:
            replica = self.replica
            connection = None if replica is None else await self._on(replica, uses)
            if replica is None or connection is None:
                yield await uses.enter_async_context(self.snapshot())
                return
            there = self._transaction(
                nullcontext(connection), "repeatable_read", readonly=True, way=self._way_to_replica
            )
            try:
                async with there as snapshot:
                    yield snapshot
            except (StoreUnavailable, StoreBusy) as error:  # it may have had to undo what this was to see
                replica.rest(error)
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Several statements as one. Raises `StoreUnavailable`."""
        async with self._transaction(self.connections.taken(), None, readonly=False) as transaction:
            yield transaction

    @asynccontextmanager
    async def snapshot(self, *, readonly: bool = True) -> AsyncIterator["Transaction"]:
        """Several statements that see the database at one instant, that of the first. Raises `StoreUnavailable`."""
        taken = self.connections.taken()
        async with self._transaction(taken, "repeatable_read", readonly=readonly) as transaction:
            yield transaction

    @asynccontextmanager
    async def _transaction(
        self,
        taken: AbstractAsyncContextManager[Connection],
        isolation: Isolation | None,
        *,
        readonly: bool,
        way: Way | None = None,
    ) -> AsyncIterator["Transaction"]:
        try:
            with _in_words_of_the_domain(way or self._way):
                async with (
                    taken as connection,
                    connection.transaction(isolation=isolation, readonly=readonly),
                ):
                    if self.connections.terms:
                        await connection.execute(self.connections.terms)
                    yield Transaction(connection)
        except ROLLED_BACK:
            raise StoreBusy("it undid this transaction in favour of another") from None

    async def _on(self, replica: Replica, uses: AsyncExitStack) -> Connection | None:
        with _in_words_of_the_domain(self._way):
            return await replica.level(uses)

    async def _read(self, query: Query, values: dict[str, object], *, replan: bool) -> list[asyncpg.Record]:
        replica = self.replica
        if replica is not None:
            async with AsyncExitStack() as uses:
                connection = await self._on(replica, uses)
                if connection is not None:
                    try:
                        return await self._statement(connection, query, values, replan=replan)
                    except FAILURES as error:
                        replica.rest(error)
        return await self._fetched(query, values, replan=replan)

    async def _fetched(
        self, query: Query, values: dict[str, object], *, replan: bool
    ) -> list[asyncpg.Record]:
        """Runs a statement; again when the database chose it as a deadlock's victim and undid it."""
        for _ in range(ATTEMPTS):
            try:
                with _in_words_of_the_domain(self._way):
                    async with self.connections.taken() as connection:
                        return await self._statement(connection, query, values, replan=replan)
            except ROLLED_BACK:
                continue
        raise StoreBusy(f"it chose this statement as a deadlock's victim {ATTEMPTS} times")

    async def _statement(
        self, connection: Connection, query: Query, values: dict[str, object], *, replan: bool
    ) -> list[asyncpg.Record]:
        arguments = query.arguments(values)
        terms = "; ".join(filter(None, (self.connections.terms, PLAN_FOR_THESE_VALUES if replan else "")))
        if not terms:
            return await connection.fetch(query.sql, *arguments)
        async with connection.transaction():
            await connection.execute(terms)
            return await connection.fetch(query.sql, *arguments)


class Transaction:
    """The statements of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, query: Query, **values: object) -> list[asyncpg.Record]:
        return list(await self._connection.fetch(query.sql, *query.arguments(values)))

    async def row(self, query: Query, **values: object) -> asyncpg.Record | None:
        return await self._connection.fetchrow(query.sql, *query.arguments(values))

    async def replan(self) -> None:
        """From now on plans each statement for its very values, see `Database.rows_replanned`."""
        await self._connection.execute(PLAN_FOR_THESE_VALUES)

    async def plan_once(self) -> None:
        """Takes `replan` back: it would plan each check of a foreign key anew, too."""
        await self._connection.execute(PLAN_ONCE)

    async def in_order(self) -> None:
        """From now on plans to read rows off indexes in their order, so that limits bound what is read.

        By its statistics the planner may read a day's runs, or a table, to sort them for the last eight.
        """
        await self._connection.execute(PLAN_IN_ORDER)


def json_text(document: Document | None) -> str | None:
    """The document as JSON text, for a JSONB parameter that travels in an array or as TEXT."""
    return None if document is None else canonical("document", document)


@contextmanager
def _in_words_of_the_domain(way: Way) -> Iterator[None]:
    try:
        yield
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
        raise StoreRefused(f"{error}".rstrip(".")) from error
    except asyncpg.LockNotAvailableError as error:
        raise StoreBusy("somebody holds a row that this needs") from error
    except NOT_MIGRATED as error:
        raise StoreUnavailable(
            "its schema is not the one this program needs, run `watcher migrate`"
        ) from error
    except NOT_THERE as error:
        if isinstance(error, ValueError):
            raise  # an argument that the driver cannot encode is our mistake, not the database's absence
        raise StoreUnavailable(
            f"{type(error).__name__}: {error}".rstrip(": ."), remedy(error, way)
        ) from error
