"""Brings the schema of a database up to date, with Alembic as the keeper of order.

Alembic and SQLAlchemy are used here and nowhere else, and take a second to import: import this module where
migrating is asked for.
"""

import asyncio
from io import StringIO

import asyncpg
from alembic import command, context, op
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from watcher.adapters.postgres.connections import named
from watcher.adapters.postgres.queries import load
from watcher.adapters.postgres.remedies import Way, cause, of_encoding, remedy
from watcher.adapters.postgres.schema import migrations
from watcher.domain.errors import RightsMissing, StoreUnavailable, Unavailable

LOCK = 0x57_41_54_43_48  # any constant of our own: the key of the advisory lock
POLL_SECONDS = 0.2
SQL = load("rights")
NO_RIGHT = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)
NOT_INSTALLED = (asyncpg.FeatureNotSupportedError, asyncpg.UndefinedFileError)


async def migrate(dsn: str, *, revision: str = "head", patience: float = 300.0) -> None:
    """Migrates the database to a revision, by default the newest; does nothing where it is there already.

    Of several processes that migrate at once one works and the others wait, `patience` seconds at most.
    Each migration is one transaction. Raises `StoreUnavailable`, `RightsMissing`.
    """

    async def connected() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, timeout=30, server_settings=named("migrate", 1))

    # The URL only names the driver: connections come from `connected`, which reads the whole DSN.
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connected, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await _locked(connection, patience)
            await _require_utf8(connection, Way(dsn))
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    except CommandError as error:
        raise StoreUnavailable(f"its schema is not of this program's making: {error}") from error
    except (DBAPIError, OSError, asyncpg.PostgresError) as error:
        raise await _explained(error, dsn) from error
    finally:
        await engine.dispose()  # closing the session gives the lock back


async def _explained(error: Exception, dsn: str) -> Unavailable:
    """What went wrong, with what there is to do about it."""
    found = cause(error)
    said = f"{found}".partition("\n")[0].rstrip(".") or type(found).__name__
    if isinstance(found, NOT_INSTALLED) and "pg_trgm" in said:
        return StoreUnavailable(
            said, "Install PostgreSQL's additional modules on its machine (postgresql-contrib)."
        )
    if not isinstance(found, NO_RIGHT):
        return StoreUnavailable(said, remedy(error, Way(dsn)))
    try:
        return RightsMissing(said, *await _missing(dsn))
    except (OSError, asyncpg.PostgresError):  # it may not even connect
        return StoreUnavailable(said, remedy(error, Way(dsn)))


async def _missing(dsn: str) -> tuple[str | None, list[str]]:
    """The role that the tables belong to, if it is another, and the statements that give rights."""
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        owner = await connection.fetchval(SQL["owner"].sql)
        return owner, [row["statement"] for row in await connection.fetch(SQL["missing"].sql)]
    finally:
        await connection.close()


def script(revision: str = "head") -> str:
    """The SQL that takes an empty database to a revision, for those who run it by other means."""
    config = _config()
    config.output_buffer = StringIO()
    command.upgrade(config, revision, sql=True)
    return config.output_buffer.getvalue()


def run_sql(name: str) -> None:
    """Runs a whole `.sql` file of many statements inside the current migration's transaction."""
    sql = (migrations() / "sql" / name).read_text()
    if context.is_offline_mode():
        op.execute(sql)
        return
    bind = op.get_bind()
    bind.execute(text("SELECT 1"))  # the driver's adapter opens its transaction with the first statement
    driver = bind.connection.driver_connection
    if not isinstance(driver, asyncpg.Connection):
        raise TypeError(f"expected an asyncpg connection, got {type(driver).__name__}")
    await_only(driver.execute(sql))  # asyncpg's simple protocol takes many statements at once


async def _locked(connection: AsyncConnection, patience: float) -> None:
    """Polls, as a session that waits inside the lock function would block `CREATE INDEX CONCURRENTLY`."""
    try:
        async with asyncio.timeout(patience):
            while not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}):
                await connection.commit()
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise StoreUnavailable(f"another migration still runs after {patience:.0f} seconds") from None
    await connection.commit()


async def _require_utf8(connection: AsyncConnection, way: Way) -> None:
    encoding = await connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise StoreUnavailable(f"its encoding is {encoding}, Watcher needs UTF8", of_encoding(way))
    await connection.commit()


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
