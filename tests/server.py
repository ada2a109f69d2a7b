"""A PostgreSQL server for tests, and databases on it that live as long as a block."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg


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
