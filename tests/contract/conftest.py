"""Every contract holds in two worlds: the store in memory and PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from functools import cache

import pytest
from dependency_injector import providers
from pydantic import SecretStr

from tests.contract.twins import OwnLoop
from tests.contract.world import EMPTYING, TABLES, StoppedClock, World
from watcher.adapters.memory.jobs import MemoryJobs
from watcher.adapters.memory.notifier import MemoryNotifier
from watcher.container import Container, closing
from watcher.domain.anomaly import MetricField
from watcher.domain.closure import REACH_LIMIT
from watcher.settings import MEMORY, Settings

__all__ = ["TABLES", "connections_in_use"]


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dsn(store: str, request: pytest.FixtureRequest) -> str:
    """The database of the store, with nothing on record; without PostgreSQL no server starts."""
    if store == "memory":
        return MEMORY
    request.getfixturevalue("standing").execute(";".join(EMPTYING))
    return str(request.getfixturevalue("database"))


@pytest.fixture
def reach_limit() -> int:
    """How large a reach the closure of lineage keeps."""
    return REACH_LIMIT


@pytest.fixture
def auto_anomaly_rules() -> tuple[MetricField, ...] | None:
    """What is watched in each new pipeline."""
    return None


@pytest.fixture
def database_timeout() -> float:
    """Seconds that a statement may take."""
    return 10.0


@pytest.fixture
async def world(
    store: str,
    dsn: str,
    reach_limit: int,
    database_timeout: float,
    auto_anomaly_rules: tuple[MetricField, ...] | None,
) -> AsyncIterator[World]:
    """An empty record, wired by the container with its clock stopped at noon, and nobody to do its jobs."""
    container = Container(settings=settings_of(dsn, database_timeout, auto_anomaly_rules))
    clock = StoppedClock()
    container.clock.override(providers.Object(clock))
    container.jobs.override(providers.Object(MemoryJobs()))
    container.notifier.override(providers.Object(MemoryNotifier()))
    container.chance.override(providers.Object(lambda: 1.0))
    container.reach_limit.override(providers.Object(reach_limit))
    async with closing(container):
        yield World(store, dsn, container, clock)
        assert connections_in_use(container) == 0


@cache
def settings_of(
    dsn: str, database_timeout: float, auto_anomaly_rules: tuple[MetricField, ...] | None
) -> Settings:
    """They cannot be changed, and to read the environment for each of 1,700 worlds takes seconds."""
    return Settings(
        database_url=SecretStr(dsn),
        database_timeout=database_timeout,
        auto_anomaly_rules=auto_anomaly_rules,
    )


def connections_in_use(container: Container) -> int:
    """How many connections of the pool are in the middle of something."""
    return 0 if container.store() == "memory" else container.database().connections.in_use


@pytest.fixture
def loop() -> Iterator[OwnLoop]:
    loop = OwnLoop()
    yield loop
    loop.close()
