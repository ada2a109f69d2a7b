"""A PostgreSQL server for tests, and databases on it that live as long as a block."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

T = TypeVar("T")
ENDED = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InterfaceError, OSError)


@dataclass(frozen=True, slots=True)
class Server:
    """`dsn` names a user who may create databases."""

    dsn: str

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The DSN of a new database; it is gone after the block."""
        name = f"watcher_test_{uuid4().hex}"
        asyncio.run(execute(self.dsn, f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield urlunsplit(urlsplit(self.dsn)._replace(path=f"/{name}"))
        finally:
            asyncio.run(execute(self.dsn, f"DROP DATABASE {name} WITH (FORCE)"))


class Standing:
    """A connection that stays, for those who cannot await: a new one costs ten times what most statements do."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.new_event_loop()
        self._connection: asyncpg.Connection | None = None

    def execute(self, statements: str) -> None:
        """Runs the statements as one transaction."""
        self._used(lambda connection: connection.execute(statements))

    def fetch(self, query: str) -> list[tuple[object, ...]]:
        """The rows of one query."""
        return [tuple(row.values()) for row in self._used(lambda connection: connection.fetch(query))]

    def close(self) -> None:
        if self._connection is not None:
            self._loop.run_until_complete(self._connection.close())
        self._loop.close()

    def _used(self, use: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
        """What the connection answers; another one, where somebody ended it meanwhile."""
        try:
            return self._loop.run_until_complete(self._answer(use))
        except ENDED:
            self._connection = None
            return self._loop.run_until_complete(self._answer(use))

    async def _answer(self, use: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._dsn)
        return await use(self._connection)


def name_of(dsn: str) -> str:
    """The name of the database."""
    return urlsplit(dsn).path.removeprefix("/")


async def execute(dsn: str, *statements: str) -> None:
    """Runs the statements, each as a transaction by itself."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(dsn: str, query: str, *arguments: object) -> list[tuple[object, ...]]:
    """The rows of one query."""
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row.values()) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()
