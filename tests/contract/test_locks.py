"""Statements that met at the same row do, once it is free, what they would have done one by one."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, TypeVar

import asyncpg
import pytest

from tests.contract.world import World, at, declaration, failed, placed, started, succeeded
from tests.server import fetch
from watcher.domain.execution import End, ExecutionAlreadyEnded
from watcher.domain.executions import Ended, Started
from watcher.domain.pipeline import PipelineDeclaration

pytestmark = pytest.mark.parametrize("store", ["postgres"])

T = TypeVar("T")

WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@asynccontextmanager
async def held(world: World, row: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else has locked the row for the length of the block."""
    connection = await asyncpg.connect(world.dsn)
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT FROM {row} FOR UPDATE")
            yield connection
    finally:
        await connection.close()


async def wait_for(world: World, statements: int) -> None:
    """Until so many statements wait for a lock."""
    async with asyncio.timeout(5):
        while len(await fetch(world.dsn, WAITING)) < statements:
            pass


async def met_at(world: World, row: str, *works: Coroutine[Any, Any, T]) -> list[T]:
    """What the works answer when all of them had to wait for the row at once."""
    async with held(world, row):
        tasks = [asyncio.create_task(work) for work in works]
        await wait_for(world, len(works))
    begin = perf_counter()
    answers = await asyncio.gather(*tasks)
    assert perf_counter() - begin < 0.9, "a deadlock takes a second to be found"
    return answers


async def test_of_contradicting_ends_that_met_at_the_run_one_wins(world: World) -> None:
    pipeline_id = await world.pipeline()
    run, other = await world.start(pipeline_id), await world.start(pipeline_id)
    answers = await met_at(
        world,
        f"pipeline_execution WHERE id = {run}",
        *(world.executions.end([End(run, failed(turn)), End(other, failed(turn))]) for turn in range(4)),
    )
    first = await world.execution(run)
    assert first.end_date is not None
    told = ExecutionAlreadyEnded(run, first.end_date, completed_successfully=False)
    assert sorted(map(str, (answer[0] for answer in answers))) == sorted(
        map(str, [Ended(run), told, told, told])
    )
    assert (await world.execution(other)).end_date == first.end_date


async def test_successes_that_met_at_the_pipeline_all_count(world: World) -> None:
    pipeline_id = await world.pipeline()
    runs = [await world.start(pipeline_id, turn, next_watermark=str(turn)) for turn in range(8)]
    pairs = list(zip(runs[::2], runs[1::2], strict=True))
    outcomes = [succeeded(90 - turn, inserts=turn % 2, updates=1) for turn in range(4)]
    await met_at(
        world,
        f"pipeline WHERE id = {pipeline_id}",
        *(
            world.executions.end([End(run, outcome) for run in pair])
            for pair, outcome in zip(pairs, outcomes, strict=True)
        ),
    )
    pipeline = await world.pipelines.get(pipeline_id)
    assert (pipeline.watermark, pipeline.last_target_insert, pipeline.last_target_update) == (
        "7",
        at(89),
        at(90),
    )


async def test_a_next_watermark_declared_while_an_end_waits_counts(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    run = await world.start(pipeline_id)
    async with held(world, f"pipeline WHERE id = {pipeline_id}") as connection:
        ending = asyncio.create_task(world.end(run, succeeded()))
        await wait_for(world, 1)
        await connection.execute("UPDATE pipeline SET next_watermark = 'april'")
    assert await ending == Ended(run)
    assert (await world.pipelines.get(pipeline_id)).watermark == "april"


async def test_lists_that_name_the_same_runs_in_opposite_order_do_not_block_each_other(world: World) -> None:
    pipeline_id = await world.pipeline()
    runs = [await world.start(pipeline_id) for _ in range(6)]
    ends = [End(run, succeeded()) for run in runs]
    await met_at(
        world,
        f"pipeline_execution WHERE id = {runs[0]}",
        world.executions.end(ends),
        world.executions.end(ends[::-1]),
    )


async def test_lists_that_name_the_same_pipelines_in_opposite_order_do_not_block_each_other(
    world: World,
) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(6)]
    there = [End(await world.start(each), succeeded()) for each in pipelines]
    back = [End(await world.start(each), succeeded()) for each in pipelines[::-1]]
    await met_at(
        world,
        f"pipeline WHERE id = {pipelines[0]}",
        world.executions.end(there),
        world.executions.end(back),
    )


async def test_of_equal_declarations_that_met_at_the_pipeline_the_second_changes_nothing(
    world: World,
) -> None:
    identity = await world.pipeline("orders")
    changed = [declaration("orders", pipeline_metadata={"a": 1}), declaration("refunds")]
    await met_at(
        world,
        f"pipeline WHERE id = {identity}",
        declared_at(world, changed, 60, 0),
        declared_at(world, changed, 120, 0.1),
    )
    assert (await world.pipelines.get(identity)).updated_at == at(60)


async def declared_at(
    world: World, declarations: list[PipelineDeclaration], seconds: float, later: float
) -> None:
    await asyncio.sleep(later)
    await world.pipelines.declare(declarations, at(seconds))


async def test_a_run_begins_while_its_pipeline_is_being_changed(world: World) -> None:
    pipeline_id = await world.pipeline()
    parent = await world.start(pipeline_id)
    connection = await asyncpg.connect(world.dsn)
    async with connection.transaction():
        await connection.execute("SELECT FROM pipeline FOR NO KEY UPDATE")
        await connection.execute("SELECT FROM pipeline_execution FOR NO KEY UPDATE")
        (begun,) = await world.executions.start([started(pipeline_id, parent_id=parent)])
    await connection.close()
    assert isinstance(begun, Started)


async def test_declarations_and_changes_that_met_at_an_address_type_all_get_through(world: World) -> None:
    orders = await world.address("orders")
    (address_type,) = await world.all_address_types()
    answers = await met_at(
        world,
        f"address_type WHERE id = {address_type.id}",
        world.addresses.declare(placed("refunds"), at(1)),
        world.addresses.declare(placed("orders", address_type_group_name="lake"), at(2)),
        world.addresses.declare(placed("visits", address_type_group_name="lake"), at(3)),
    )
    assert sorted(answer.created for answer in answers) == [False, True, True]
    (held,) = await world.all_address_types()
    assert (held.group_name, (await world.addresses.get(orders)).updated_at) == ("lake", at(2))
    assert {row.name for row in await world.all_addresses()} == {"orders", "refunds", "visits"}
