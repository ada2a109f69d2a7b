"""How Watcher holds its connections, and what it does with lists that are long."""

from asyncio import gather

import pytest

from tests.contract.world import NOON, declaration
from tests.server import execute, fetch, name_of
from watcher.adapters.postgres.connections import LARGEST_POOL, RESERVED_CONNECTIONS
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.executions import PostgresExecutions
from watcher.adapters.postgres.pipelines import PostgresPipelines
from watcher.domain.execution import End, Outcome, Record, Start
from watcher.domain.executions import Ended, Started
from watcher.domain.page import Page

LONGEST = 10_000


async def size(database: Database) -> int:
    pool = await database.connections.opened()
    await database.close()
    return pool.get_max_size()


async def test_the_pool_is_a_worker_s_share_of_what_the_database_allows(fresh_database: str) -> None:
    ((limit,),) = await fetch(
        fresh_database, "SELECT setting::INTEGER FROM pg_settings WHERE name = $1", "max_connections"
    )
    assert isinstance(limit, int)
    assert await size(Database(fresh_database, processes=1)) == LARGEST_POOL
    assert await size(Database(fresh_database, processes=20)) == (limit - RESERVED_CONNECTIONS) // 20
    assert await size(Database(fresh_database, processes=10 * limit)) == 1
    assert await size(Database(fresh_database, pool_size=3, processes=20)) == 3


async def test_connections_that_the_database_ended_are_replaced_unnoticed(fresh_database: str) -> None:
    database = Database(fresh_database)
    pipelines = PostgresPipelines(database)
    await gather(*(pipelines.page(Page()) for _ in range(LARGEST_POOL)))
    ended = await fetch(
        fresh_database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'watcher' AND datname = $1",
        name_of(fresh_database),
    )
    assert len(ended) == LARGEST_POOL
    answers = await gather(*(pipelines.page(Page()) for _ in range(LARGEST_POOL)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, BaseException)] == []
    assert database.connections.in_use == 0
    await database.close()


async def test_more_requests_than_connections_are_all_served(fresh_database: str) -> None:
    database = Database(fresh_database, pool_size=2)
    pipelines = PostgresPipelines(database)
    pages = await gather(*(pipelines.page(Page()) for _ in range(50)))
    assert len(pages) == 50
    async with database.transaction():
        assert database.connections.in_use == 1
    await database.close()


@pytest.fixture
async def busy(fresh_database: str) -> str:
    """A database whose statistics say that its tables are large; plans made blindly turn bad on it."""
    database = Database(fresh_database)
    await PostgresPipelines(database).declare(
        [declaration(f"pipeline {number}") for number in range(50)], NOON
    )
    await database.close()
    await execute(
        fresh_database,
        "INSERT INTO pipeline_execution (pipeline_id, start_date) SELECT 1 + n % 50, now() FROM generate_series(1, 20000) AS n",
        "ANALYZE",
    )
    return fresh_database


async def test_the_longest_lists_are_done_within_the_time_of_a_statement(busy: str) -> None:
    database = Database(busy)
    executions = PostgresExecutions(database)
    starts = [
        Start(pipeline_id=1 + n % 50, start_date=NOON, parent_id=1 + n % 20_000, external_id=f"run {n}")
        for n in range(LONGEST)
    ]
    outcome = Outcome(end_date=NOON, completed_successfully=True, inserts=1)
    begun = await executions.start(starts)
    ids = [verdict.id for verdict in begun if isinstance(verdict, Started) and not verdict.repeated]
    assert len(ids) == LONGEST
    ended = await executions.end([End(identity, outcome) for identity in ids])
    assert [verdict for verdict in ended if not isinstance(verdict, Ended)] == []
    records = [Record(Start(pipeline_id=1 + n % 50, start_date=NOON), outcome) for n in range(LONGEST)]
    recorded = await executions.record(records)
    assert len({verdict.id for verdict in recorded if isinstance(verdict, Started)}) == LONGEST
    await database.close()
