"""Many judges at once: every run is judged, once, and in the order of its pipeline's runs."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from tests.contract.test_anomalies import ROWS, history, judge, watched
from tests.contract.world import World, at, started, succeeded
from tests.server import execute, fetch
from watcher.domain.anomaly_results import BATCH
from watcher.domain.errors import StoreBusy
from watcher.domain.execution import Record
from watcher.domain.executions import Started
from watcher.domain.page import Page

pytestmark = pytest.mark.parametrize("store", ["postgres"])

PENDING = "SELECT count(*) FROM anomaly_pending"


async def judges(world: World, count: int) -> list[int]:
    """How many runs each of some judges took up, until nothing is left; who finds all taken tries again."""

    async def work() -> int:
        total = 0
        while True:
            try:
                taken = await world.watcher.detect_anomalies.step()
            except StoreBusy:
                await asyncio.sleep(0.005)
                continue
            if not taken:
                return total
            total += taken

    async with asyncio.timeout(30):
        return await asyncio.gather(*(work() for _ in range(count)))


async def filled(world: World, pipelines: int, runs: int) -> list[int]:
    """The ids of runs that wait to be judged, of pipelines with a history and a rule."""
    ids = [await world.pipeline(f"pipeline {number}") for number in range(pipelines)]
    records = []
    for each in ids:
        await history(world, each, 6)
        await world.rule(each)
        records += [
            Record(started(each, turn * 60), succeeded(turn * 60 + 1, total_rows=turn % 3 * 1_000))
            for turn in range(runs)
        ]
    verdicts = await world.executions.record(records)
    return [verdict.id for verdict in verdicts if isinstance(verdict, Started)]


@pytest.mark.parametrize(("pipelines", "runs"), [(2, 4 * BATCH), (40, 10)])
async def test_four_judges_at_once_judge_each_run_once_and_in_order(
    world: World, pipelines: int, runs: int
) -> None:
    waiting = await filled(world, pipelines, runs)
    taken = await judges(world, 4)
    assert sum(taken) == len(waiting) == pipelines * runs
    verdicts = await world.verdicts()
    found = Counter(row.pipeline_execution_id for row in verdicts)
    assert found == dict.fromkeys(waiting, 1)
    assert sorted(verdicts, key=lambda row: (row.rule_id, row.id)) == sorted(
        verdicts, key=lambda row: (row.rule_id, row.start_date)
    )
    assert await fetch(world.dsn, PENDING) == [(0,)]
    incidents = await world.incidents()
    flagged = await world.verdicts(flagged=True)
    assert sum(incident.runs for incident in incidents) == len(flagged) > 0
    assert len({each.rule_id for each in incidents if each.ended_at is None}) == len(
        [each for each in incidents if each.ended_at is None]
    )


async def test_who_finds_all_work_with_others_says_so_and_others_go_on(world: World) -> None:
    (first, second) = await filled(world, 2, 1)
    connection = await asyncpg.connect(world.dsn)
    async with connection.transaction():
        await connection.execute("SELECT FROM anomaly_detection_rule ORDER BY id LIMIT 1 FOR NO KEY UPDATE")
        assert await world.watcher.detect_anomalies.step() == 1
        assert [row.pipeline_execution_id for row in await world.verdicts()] == [second]
        with pytest.raises(StoreBusy):
            await world.watcher.detect_anomalies.step()
    await connection.close()
    assert await judge(world) == 1
    assert [row.pipeline_execution_id for row in await world.verdicts()] == [second, first]


async def test_a_run_that_is_committed_after_later_ones_is_not_forgotten(world: World) -> None:
    pipeline_id = await world.pipeline()
    await history(world, pipeline_id, 6)
    await world.rule(pipeline_id)
    early = await world.start(pipeline_id, 0)
    connection = await asyncpg.connect(world.dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        """
        INSERT INTO anomaly_pending (pipeline_execution_id, pipeline_id, rule_ids)
        SELECT $1, pipeline_id, ARRAY[id] FROM anomaly_detection_rule
        """,
        early,
    )
    await connection.execute(
        """
        UPDATE pipeline_execution
        SET end_date = $2, completed_successfully = TRUE, total_rows = 5
        WHERE id = $1
        """,
        early,
        at(30),
    )
    later = await world.ran(pipeline_id, 60, total_rows=1_000)
    assert await judge(world) == 1
    await transaction.commit()
    await connection.close()
    assert await judge(world) == 1
    assert [row.pipeline_execution_id for row in await world.verdicts()] == [later, early]


async def test_a_judge_that_is_broken_off_leaves_everything_as_it_was(world: World) -> None:
    waiting = await filled(world, 3, 40)
    for delay in (0.0, 0.01, 0.03):
        task = asyncio.create_task(world.watcher.detect_anomalies.step())
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await judges(world, 1)
    found = Counter(row.pipeline_execution_id for row in await world.verdicts())
    assert found == dict.fromkeys(waiting, 1)


async def test_what_is_being_cleaned_up_is_left_alone_and_the_rest_is_judged(world: World) -> None:
    (first, second) = await filled(world, 1, 2)
    connection = await asyncpg.connect(world.dsn)
    async with connection.transaction():
        await connection.execute("SELECT FROM pipeline_execution WHERE id = $1 FOR UPDATE", first)
        assert await world.watcher.detect_anomalies.step() == 1
        with pytest.raises(StoreBusy):
            await world.watcher.detect_anomalies.step()
    await connection.close()
    assert await judge(world) == 1
    assert [row.pipeline_execution_id for row in await world.verdicts()] == [second, first]


async def test_ends_unflags_patches_and_judges_beside_each_other_come_to_an_end(world: World) -> None:
    waiting = await filled(world, 5, 20)
    rules = [rule.id for rule in (await world.watcher.anomaly_rules.page(Page())).items]

    async def meddle() -> None:
        for turn in range(30):
            await world.watcher.change_anomaly_rule(rules[turn % 5], {"z_threshold": 3.0 + turn % 2})
            for row in (await world.verdicts(flagged=True))[:3]:
                await world.watcher.anomaly_results.unflag(
                    row.pipeline_id, row.pipeline_execution_id, [ROWS], world.clock.now()
                )

    await asyncio.gather(judges(world, 2), meddle(), meddle())
    await judges(world, 1)
    assert len(await world.verdicts()) == len(waiting)
    open_runs = {each.rule_id: each.runs for each in await world.incidents(open=True)}
    assert all(open_runs.values())


async def test_a_run_whose_verdict_is_there_already_keeps_it(world: World) -> None:
    """As a restored backup may have it: work that was done is not done twice."""
    (run,) = await filled(world, 1, 1)
    again = "INSERT INTO anomaly_pending SELECT pipeline_execution_id, pipeline_id, ARRAY[rule_id] FROM anomaly_detection_result"
    await judge(world)
    before = await world.verdicts()
    await execute(world.dsn, again)
    assert await judge(world) == 1
    assert await world.verdicts() == before
    assert before[0].pipeline_execution_id == run


async def test_the_incident_of_an_inactive_pipeline_is_ended_by_one_of_many(world: World) -> None:
    pipeline_id = await watched(world)
    await world.ran(pipeline_id, 0, total_rows=0)
    await judge(world)
    await world.pipelines.change(pipeline_id, {"active": False}, world.clock.now())
    results = world.watcher.anomaly_results
    judged = await asyncio.gather(*(results.judge(10, world.clock.now()) for _ in range(5)))
    assert [incident for each in judged for incident in each.ended] == await world.incidents(open=False)
    assert len(await world.incidents(open=False)) == 1
