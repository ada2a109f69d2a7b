"""How Watcher holds its connections, and what it does with lists that are long."""

from asyncio import gather

from tests.contract.world import NOON, declaration
from tests.server import fetch, name_of
from watcher.adapters.postgres.connections import LARGEST_POOL, RESERVED_CONNECTIONS
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.executions import LONG, PostgresExecutions
from watcher.adapters.postgres.pipelines import PostgresPipelines
from watcher.adapters.postgres.queries import Query, load
from watcher.domain.execution import Outcome, Record, Start
from watcher.domain.executions import Started
from watcher.domain.page import Page

LONGEST = 10_000
EXECUTIONS = load("executions")


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
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'watcher %' AND datname = $1",
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


async def plans(database: Database) -> tuple[int, int]:
    """How often the only connection used a plan for any list, and how often one for the very list."""
    wanted = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = :statement"
    (row,) = await database.rows(Query.parsed("plans", wanted), statement=EXECUTIONS["record"].sql)
    return row["generic_plans"], row["custom_plans"]


async def test_short_lists_share_a_plan_and_long_ones_get_their_own(fresh_database: str) -> None:
    """A plan for short lists is quadratic in long ones: 3.4 s instead of 0.2 s for 10,000 records."""
    database = Database(fresh_database, pool_size=1)
    await PostgresPipelines(database).declare([declaration("only")], NOON)
    executions = PostgresExecutions(database)
    record = Record(
        Start(pipeline_id=1, start_date=NOON), Outcome(end_date=NOON, completed_successfully=True)
    )
    await executions.record([record] * LONG)
    assert await plans(database) == (1, 0)
    recorded = await executions.record([record] * LONGEST)
    assert len({verdict.id for verdict in recorded if isinstance(verdict, Started)}) == LONGEST
    assert await plans(database) == (1, 1)
    await executions.record([record])
    assert await plans(database) == (2, 1)
    await database.close()
