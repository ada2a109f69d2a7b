"""What one row or one name is subjected to does not become its neighbours' trouble."""

from asyncio import gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from tests.contract.world import NOON, declaration, succeeded
from tests.server import execute, fetch
from watcher.adapters.coalesced import CoalescedExecutions, CoalescedPipelines
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.executions import PostgresExecutions
from watcher.adapters.postgres.pipelines import PostgresPipelines
from watcher.domain.errors import StoreBusy, StoreRefused
from watcher.domain.execution import End, Start
from watcher.domain.executions import Ended, Started


@asynccontextmanager
async def held(dsn: str, pipeline_id: int) -> AsyncIterator[None]:
    """The row of a pipeline, locked by a session that has forgotten about it."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM pipeline WHERE id = $1 FOR UPDATE", pipeline_id)
            yield
    finally:
        await connection.close()


async def test_ends_of_other_pipelines_pass_one_whose_row_somebody_holds(fresh_database: str) -> None:
    database = Database(fresh_database, timeout=1.0)
    pipelines = await PostgresPipelines(database).declare([declaration(name) for name in "abcdef"], NOON)
    executions = CoalescedExecutions(PostgresExecutions(database))
    starts = [Start(pipeline_id=pipeline.id, start_date=NOON) for pipeline in pipelines]
    begun = [verdict.id for verdict in await executions.start(starts) if isinstance(verdict, Started)]
    async with held(fresh_database, pipelines[0].id):
        verdicts = await gather(*(executions.end([End(identity, succeeded())]) for identity in begun))
    (locked,), *others = verdicts
    assert isinstance(locked, StoreBusy)
    assert others == [[Ended(identity)] for identity in begun[1:]]
    assert await executions.end([End(begun[0], succeeded())]) == [Ended(begun[0])]
    await database.close()


async def test_declarations_pass_one_whose_row_somebody_holds(fresh_database: str) -> None:
    database = Database(fresh_database, timeout=1.0)
    pipelines = CoalescedPipelines(PostgresPipelines(database))
    (first, _) = await pipelines.declare([declaration("a"), declaration("b")], NOON)
    async with held(fresh_database, first.id):
        moving = [declaration(name, next_watermark="march") for name in "abcd"]
        answers = await gather(*(pipelines.declare([each], NOON) for each in moving), return_exceptions=True)
    assert [isinstance(answer, StoreBusy) for answer in answers] == [True, False, False, False]
    await database.close()


async def test_a_pipeline_renamed_while_it_is_declared_is_declared_all_the_same(fresh_database: str) -> None:
    database = Database(fresh_database)
    pipelines = PostgresPipelines(database)
    await pipelines.declare([declaration("here")], NOON)

    async def rename() -> None:
        for turn in range(60):
            await pipelines.change(
                "here" if turn % 2 == 0 else "there", {"name": "there" if turn % 2 == 0 else "here"}, NOON
            )

    async def declare() -> None:
        for turn in range(60):
            await pipelines.declare([declaration("elsewhere", next_watermark=str(turn))], NOON)

    await gather(rename(), declare(), declare())
    await database.close()


async def test_lists_of_the_same_external_ids_in_opposite_orders_do_not_deadlock(fresh_database: str) -> None:
    database = Database(fresh_database)
    (pipeline,) = await PostgresPipelines(database).declare([declaration("only")], NOON)
    executions = PostgresExecutions(database)
    for turn in range(10):
        there = [
            Start(pipeline_id=pipeline.id, start_date=NOON, external_id=f"{turn}/{n}") for n in range(300)
        ]
        one, other = await gather(executions.start(there), executions.start(there[::-1]))
        assert {verdict.id for verdict in one if isinstance(verdict, Started)} == {
            verdict.id for verdict in other if isinstance(verdict, Started)
        }
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await fetch(fresh_database, deadlocks) == [(0,)]
    await database.close()


async def test_what_only_the_database_refuses_is_refused_alone(fresh_database: str) -> None:
    await execute(
        fresh_database,
        "ALTER TABLE pipeline_execution ADD CONSTRAINT pipeline_execution_unlucky CHECK (watermark <> '13')",
    )
    database = Database(fresh_database)
    (pipeline,) = await PostgresPipelines(database).declare([declaration("only")], NOON)
    executions = PostgresExecutions(database)
    starts = [Start(pipeline_id=pipeline.id, start_date=NOON, watermark=str(n)) for n in range(20)]
    verdicts = await executions.start(starts)
    assert [n for n, verdict in enumerate(verdicts) if not isinstance(verdict, Started)] == [13]
    assert isinstance(verdicts[13], StoreRefused)
    assert "pipeline_execution_unlucky" in str(verdicts[13])
    assert await fetch(fresh_database, "SELECT count(*) FROM pipeline_execution") == [(19,)]
    await database.close()


class Finer(datetime):
    """An instant that knows nanoseconds, as those of data frames do."""

    nanosecond = 789

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finer) and super().__eq__(other)

    __hash__ = datetime.__hash__


async def test_an_instant_finer_than_microseconds_begins_one_run(fresh_database: str) -> None:
    database = Database(fresh_database)
    (pipeline,) = await PostgresPipelines(database).declare([declaration("only")], NOON)
    fine = Finer(2026, 3, 1, 12, tzinfo=NOON.tzinfo)
    (verdict,) = await PostgresExecutions(database).start([Start(pipeline_id=pipeline.id, start_date=fine)])
    assert isinstance(verdict, Started)
    assert await fetch(fresh_database, "SELECT count(*) FROM pipeline_execution") == [(1,)]
    await database.close()
