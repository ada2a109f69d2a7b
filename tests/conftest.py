"""What any test may ask for: a PostgreSQL server, and databases on it that are migrated already."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.server import Server, Standing, name_of
from watcher.adapters.embedded import EmbeddedPostgres
from watcher.adapters.postgres.migrate import migrate

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop for the whole session."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server that `WATCHER_TEST_DATABASE_URL` names, else a private one."""
    if dsn := os.environ.get("WATCHER_TEST_DATABASE_URL"):
        yield Server(dsn)
        return
    with directory_for_all() as directory, EmbeddedPostgres(directory / "home", settings=FAST) as server:
        yield Server(server.dsn)


@pytest.fixture(scope="session")
def template(postgres: Server) -> Iterator[str]:
    """The name of a migrated, empty database to copy from; nobody may connect to it."""
    with postgres.database() as dsn:
        asyncio.run(migrate(dsn))
        yield name_of(dsn)


@pytest.fixture(scope="session")
def database(postgres: Server, template: str) -> Iterator[str]:
    """The DSN of the migrated database that tests share, one after the other: see `EMPTYING`."""
    with postgres.database(template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def standing(database: str) -> Iterator[Standing]:
    """A connection to the database that tests share."""
    connection = Standing(database)
    yield connection
    connection.close()


@pytest.fixture
def fresh_database(postgres: Server, template: str) -> Iterator[str]:
    """The DSN of a migrated database of the test's own."""
    with postgres.database(template) as dsn:
        yield dsn


@contextmanager
def directory_for_all() -> Iterator[Path]:
    """A directory that the unprivileged user of a server started by root can enter."""
    directory = Path(tempfile.mkdtemp(prefix="watcher-tests-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
