"""Cleaning up and refreshing go on beside everything else, and neither waits for nor loses anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta

import asyncpg
import pytest

from tests.contract.test_retention import DAY, OLD, counted, ended, runs
from tests.contract.world import World, at, started, succeeded
from tests.server import execute, fetch
from watcher.domain.execution import End, Execution, ParentExecutionNotFound, Record
from watcher.domain.executions import Ended, ExecutionFilter, Started
from watcher.domain.page import Page
from watcher.domain.report import DayTotals, PipelineDay, ReportFilter

pytestmark = pytest.mark.parametrize("store", ["postgres"])

CHILD = "INSERT INTO pipeline_execution (pipeline_id, start_date, parent_id) VALUES ($1, $2, $3) RETURNING id"
NESTED = "INSERT INTO pipeline_execution_closure (ancestor_id, descendant_id, depth) VALUES ($1, $2, 1)"
ORPHANS = """
SELECT count(*)
FROM pipeline_execution AS e
WHERE e.parent_id IS NOT NULL AND NOT EXISTS (
    SELECT
    FROM pipeline_execution_closure AS c
    WHERE c.ancestor_id = e.parent_id AND c.descendant_id = e.id
)
"""
CHAIN = (
    """
    INSERT INTO pipeline_execution (id, pipeline_id, start_date, end_date, completed_successfully, parent_id)
    SELECT -n, p.id, '2020-01-01', '2020-01-02', TRUE, CASE WHEN n > 1 THEN 1 - n END
    FROM generate_series(1, 600) AS n, (SELECT min(id) AS id FROM pipeline) AS p
    """,
    """
    INSERT INTO pipeline_execution_closure (ancestor_id, descendant_id, depth)
    SELECT -above, -below, below - above
    FROM generate_series(1, 600) AS below, generate_series(1, below - 1) AS above
    """,
)


@asynccontextmanager
async def somebody(world: World) -> AsyncIterator[asyncpg.Connection]:
    """Another session, in the middle of a transaction that is committed at the end."""
    connection = await asyncpg.connect(world.dsn)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def report(world: World) -> list[tuple[int, int]]:
    rows = (await world.watcher.daily_report.page(ReportFilter(), 1_000)).items
    return [(row.executions, row.running) for row in rows]


async def test_a_tree_below_which_a_run_begins_stays(world: World) -> None:
    pipeline_id = await world.pipeline()
    root, alone = await ended(world, pipeline_id), await ended(world, pipeline_id)
    async with somebody(world) as session:
        child = await session.fetchval(CHILD, pipeline_id, at(0), root)
        await session.execute(NESTED, root, child)
        assert await asyncio.wait_for(world.watcher.clean_up(90), 2) == counted(1)
    assert alone not in await runs(world)
    assert await runs(world) == [root, child]
    assert await world.watcher.clean_up(90) == counted(0)


async def test_who_begins_a_run_below_what_goes_is_told_that_it_is_gone(world: World) -> None:
    pipeline_id = await world.pipeline()
    root = await ended(world, pipeline_id)
    async with somebody(world) as session:
        await session.execute("DELETE FROM pipeline_execution WHERE id = $1", root)
        start = started(pipeline_id, parent_id=root)
        starting = asyncio.create_task(world.executions.start([start, started(pipeline_id)]))
        await asyncio.sleep(0.2)
        assert not starting.done()
    refused, begun = await starting
    assert refused == ParentExecutionNotFound(root)
    assert isinstance(begun, Started)


async def test_two_who_clean_up_at_once_share_the_work(world: World) -> None:
    pipeline_id = await world.pipeline()
    for _ in range(40):
        await ended(world, pipeline_id, OLD, await ended(world, pipeline_id))
    gone = await asyncio.gather(*(world.watcher.clean_up(90, 3) for _ in range(3)))
    rest = await world.watcher.clean_up(90)
    assert gone[0] + gone[1] + gone[2] + rest == counted(80, 40)
    assert await runs(world) == []


async def test_a_very_deep_tree_goes_by_bounded_statements(world: World) -> None:
    await world.pipeline()
    await execute(world.dsn, *CHAIN)
    assert await world.watcher.clean_up(90, 10, dry_run=True) == counted(600, 600 * 599 // 2)
    assert await world.watcher.clean_up(90, 10) == counted(600, 600 * 599 // 2)
    assert await fetch(world.dsn, "SELECT count(*) FROM pipeline_execution_closure") == [(0,)]


async def test_a_run_that_is_on_its_way_is_not_overlooked(world: World) -> None:
    """It has an id, but nobody sees it yet; one with a later id is already there."""
    pipeline_id = await world.pipeline()
    async with somebody(world) as session:
        await session.fetchval(CHILD, pipeline_id, at(0), None)
        await world.start(pipeline_id)
        refreshing = asyncio.create_task(world.watcher.refresh_daily_report())
        await asyncio.sleep(0.3)
        assert not refreshing.done()
        assert await report(world) == [(1, 1)]
    await refreshing
    assert await report(world) == [(2, 2)]
    assert await fetch(world.dsn, "SELECT executions FROM pipeline_day") == [(2,)]


async def test_a_refresh_that_nobody_lets_through_gives_up_and_nothing_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.adapters.postgres.daily_report.POLLS", 2)
    pipeline_id = await world.pipeline()
    async with somebody(world) as session:
        await session.fetchval(CHILD, pipeline_id, at(0), None)
        await world.start(pipeline_id)
        await world.watcher.refresh_daily_report()
        assert await fetch(world.dsn, "SELECT count(*) FROM pipeline_day") == [(0,)]
    assert await report(world) == [(2, 2)]


async def test_everything_at_once_leaves_a_true_report_and_whole_trees(world: World) -> None:
    pipelines = [await world.pipeline(name) for name in ("a", "b", "c")]
    working = True

    async def work(turn: int) -> None:
        pipeline_id = pipelines[turn % 3]
        for step in range(25):
            seconds = (OLD - DAY * turn, -DAY * step, 0)[step % 3]
            root = await world.start(pipeline_id, seconds - 60)
            await world.executions.record([Record(started(pipeline_id, seconds - 9), succeeded(seconds))])
            (child,) = await world.executions.start([started(pipeline_id, seconds, parent_id=root)])
            assert isinstance(child, Started)
            outcome = succeeded(seconds, inserts=step, total_rows=turn)
            verdicts = await world.executions.end([End(child.id, outcome), End(root, outcome)])
            assert all(isinstance(each, Ended) for each in verdicts)

    async def look_after() -> None:
        while working:
            await world.watcher.refresh_daily_report()
            await world.watcher.clean_up(90, 7)
            await world.watcher.daily_report.page(ReportFilter(), 1_000)

    async def all_work() -> None:
        nonlocal working
        await asyncio.gather(*(work(turn) for turn in range(6)))
        working = False

    await asyncio.gather(all_work(), look_after(), look_after())
    await world.watcher.clean_up(90)
    await world.watcher.refresh_daily_report()
    left = await world.executions.page(ExecutionFilter(), Page(10_000))
    days: dict[tuple[int, date], list[Execution]] = {}
    for run in left.items:
        assert run.end_date is not None
        assert run.end_date >= world.clock.now() - timedelta(days=90)
        days.setdefault((run.pipeline_id, run.start_date.date()), []).append(run)
    told = (await world.watcher.daily_report.page(ReportFilter(), 1_000)).items
    assert len(told) == len(days)
    for row in told:
        totals = DayTotals.of(days[row.pipeline_id, row.day])
        assert row == PipelineDay.of(row.key, row.pipeline_name, row.pipeline_type_name, totals)
    kept = await fetch(world.dsn, "SELECT count(*), sum(executions), sum(running) FROM pipeline_day")
    assert kept == [(len(days), len(left.items), 0)]
    assert await fetch(world.dsn, ORPHANS) == [(0,)]
