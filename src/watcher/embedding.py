"""Watcher inside your own program, without HTTP: open it, call its use cases, close it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from watcher.container import Container, working
from watcher.domain.watcher import Watcher
from watcher.settings import MEMORY, Settings

__all__ = ["MEMORY", "Watcher", "open_watcher"]


@asynccontextmanager
async def open_watcher(
    dsn: str = MEMORY, *, pool_size: int = 0, timeout: float = 10.0
) -> AsyncIterator[Watcher]:
    """A `Watcher` on the PostgreSQL at `dsn`, or by default on a store in memory that ends with the block.

    The database must have been migrated (`watcher migrate`). `pool_size` is the most connections to hold, 0
    derives it from the database's limit; `timeout` bounds every statement, in seconds. Calls raise
    `watcher.domain.errors.StoreUnavailable` while the database cannot be reached.
    """
    settings = Settings(
        database_url=SecretStr(dsn), pooler_url=None, pool_size=pool_size, database_timeout=timeout, workers=1
    )
    async with working(Container(settings=settings)) as watcher:
        yield watcher
