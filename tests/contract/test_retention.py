"""What ended long ago is forgotten: whole trees, and all that is only about them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.world import NOBODY, World, started, succeeded
from tests.server import fetch
from watcher.domain.errors import InvalidValue
from watcher.domain.execution import Record
from watcher.domain.executions import ExecutionFilter, Started
from watcher.domain.page import Page
from watcher.domain.report import ReportFilter
from watcher.domain.retention import Forgotten
from watcher.domain.span import Datepart

DAY = 86_400
OLD = -100 * DAY
"""Seconds from now: longer ago than anything has to be kept."""


async def runs(world: World) -> list[int]:
    return sorted(run.id for run in (await world.executions.page(ExecutionFilter(), Page())).items)


async def ended(world: World, pipeline_id: int, at: float = OLD, parent_id: int | None = None) -> int:
    """The id of a run that ended so many seconds from now."""
    run = await world.start(pipeline_id, at - 60, parent_id=parent_id)
    await world.end(run, succeeded(at))
    return run


def counted(executions: int, pairs: int = 0) -> Forgotten:
    return Forgotten(
        total_pipeline_executions_deleted=executions, total_pipeline_execution_closure_parent_deleted=pairs
    )


async def test_what_ended_before_the_time_that_is_kept_is_forgotten(world: World) -> None:
    pipeline_id = await world.pipeline()
    await ended(world, pipeline_id, -90 * DAY - 0.001)
    kept = [await ended(world, pipeline_id, at) for at in (-90 * DAY, -60)]
    assert await world.watcher.clean_up(90) == counted(1)
    assert await runs(world) == kept
    assert await world.watcher.clean_up(90) == counted(0)


async def test_it_is_the_end_that_is_old_not_the_start(world: World) -> None:
    run = await world.start(await world.pipeline(), 10 * OLD)
    await world.end(run, succeeded(-1))
    assert await world.watcher.clean_up(90) == counted(0)
    assert await runs(world) == [run]


async def test_a_run_that_still_runs_stays_however_old(world: World) -> None:
    run = await world.start(await world.pipeline(), 10 * OLD)
    assert await world.watcher.clean_up(90) == counted(0)
    assert await runs(world) == [run]


@pytest.mark.parametrize("young", ["root", "middle", "leaf"])
@pytest.mark.parametrize("running", [True, False])
async def test_a_tree_stays_whole_as_long_as_one_of_it_has_to(
    world: World, young: str, running: bool
) -> None:
    pipeline_id, other = await world.pipeline(), await world.pipeline("other")
    tree: dict[str, int] = {}
    for name, parent in (("root", None), ("middle", "root"), ("leaf", "middle"), ("sibling", "root")):
        parent_id = tree.get(parent or "")
        if name != young:
            tree[name] = await ended(world, pipeline_id, OLD, parent_id)
            continue
        tree[name] = await world.start(other, OLD, parent_id=parent_id)
        if not running:
            await world.end(tree[name], succeeded(-60))
    alone = await ended(world, pipeline_id)
    assert await world.watcher.clean_up(90) == counted(1)
    assert await runs(world) == sorted(tree.values())
    assert alone not in await runs(world)
    assert [run.id for run in await world.executions.tree(tree["root"])] == [
        tree[name] for name in ("root", "middle", "sibling", "leaf")
    ]


async def test_an_old_tree_goes_whole_with_its_place_in_the_closure(world: World) -> None:
    pipeline_id = await world.pipeline()
    run = None
    for _ in range(20):
        run = await ended(world, pipeline_id, OLD, run)
    kept = await ended(world, pipeline_id, -1)
    child = await ended(world, pipeline_id, -1, kept)
    assert await world.watcher.clean_up(90, 3) == counted(20, 190)
    assert await runs(world) == [kept, child]
    if world.store == "postgres":
        assert await fetch(world.dsn, "SELECT count(*) FROM pipeline_execution_closure") == [(1,)]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 10_000])
async def test_the_size_of_batches_changes_nothing(world: World, batch_size: int) -> None:
    pipeline_id = await world.pipeline()
    for size in range(5):
        root = await ended(world, pipeline_id, OLD + size)
        for _ in range(size):
            await ended(world, pipeline_id, OLD - size, root)
    await world.start(pipeline_id, OLD - 5)
    assert await world.watcher.clean_up(90, batch_size, dry_run=True) == counted(15, 10)
    assert len(await runs(world)) == 16
    assert await world.watcher.clean_up(90, batch_size) == counted(15, 10)
    assert len(await runs(world)) == 1


async def test_a_pipeline_stays_as_it_is_when_its_runs_are_forgotten(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    run = await world.start(pipeline_id, OLD - 60)
    await world.end(run, succeeded(OLD, inserts=5))
    before = await world.all_pipelines()
    assert await world.watcher.clean_up(90) == counted(1)
    assert await world.all_pipelines() == before
    assert (before[0].watermark, before[0].last_target_insert is None) == ("march", False)


async def test_an_external_id_is_forgotten_with_its_run(world: World) -> None:
    pipeline_id = await world.pipeline()
    record = Record(started(pipeline_id, OLD - 60, external_id="x"), succeeded(OLD))
    (first,) = await world.executions.record([record])
    await world.watcher.clean_up(90)
    (second,) = await world.executions.record([record])
    assert isinstance(first, Started)
    assert isinstance(second, Started)
    assert not second.repeated
    assert first.id != second.id


async def test_the_daily_report_tells_what_is_left(world: World) -> None:
    pipeline_id = await world.pipeline()
    await ended(world, pipeline_id)
    running = await world.start(pipeline_id, OLD - 60)
    await ended(world, pipeline_id, OLD - 5 * DAY)
    await world.watcher.refresh_daily_report()
    await world.watcher.clean_up(90)
    for _ in range(2):
        rows = (await world.watcher.daily_report.page(ReportFilter(), 10)).items
        assert [(row.executions, row.running) for row in rows] == [(1, 1)]
        await world.watcher.refresh_daily_report()
    assert await runs(world) == [running]


async def test_a_late_run_is_forgotten_with_its_execution(world: World) -> None:
    pipeline_id = await world.pipeline(timeliness_number=1, timeliness_datepart=Datepart.MINUTE)
    for at in (OLD, -60):
        run = await world.start(pipeline_id, at - 120)
        await world.end(run, succeeded(at))
    await world.watcher.check_timeliness(200 * 24 * 60)
    assert len(await world.all_late_runs()) == 2
    expected = replace(counted(1), total_timeliness_pipeline_execution_logs_deleted=1)
    assert await world.watcher.clean_up(90, dry_run=True) == expected
    assert await world.watcher.clean_up(90) == expected
    (late,) = await world.all_late_runs()
    assert late.pipeline_execution_id == run


async def test_verdicts_and_incidents_are_forgotten_with_their_executions(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.rule(pipeline_id)
    for day in range(6):
        await world.ran(pipeline_id, 2 * OLD + day * DAY, total_rows=1_000)
    empty = await world.ran(pipeline_id, 2 * OLD + 6 * DAY, total_rows=0)
    kept = await world.ran(pipeline_id, -60, total_rows=0)
    await world.watcher.detect_anomalies()
    assert [(each.first_execution_id, each.last_execution_id) for each in await world.incidents()] == [
        (empty, kept)
    ]
    await world.ran(pipeline_id, 2 * OLD, total_rows=1_000)
    expected = replace(counted(8), total_anomaly_detection_results_deleted=7)
    assert await world.watcher.clean_up(90, dry_run=True) == expected
    assert await world.watcher.clean_up(90) == expected
    assert [row.pipeline_execution_id for row in await world.verdicts()] == [kept]
    assert [each.last_execution_id for each in await world.incidents()] == [kept]
    assert await world.watcher.detect_anomalies() == 0
    world.clock.instant += timedelta(days=91)
    assert (await world.watcher.clean_up(90)).total_anomaly_detection_results_deleted == 1
    assert await world.incidents() == []


async def test_the_clock_says_what_is_old(world: World) -> None:
    await ended(world, await world.pipeline(), -60)
    world.clock.instant += timedelta(days=89)
    assert await world.watcher.clean_up(90) == counted(0)
    world.clock.instant += timedelta(days=1)
    assert await world.watcher.clean_up(90) == counted(1)


async def test_a_retention_beyond_the_calendar_keeps_everything(world: World) -> None:
    await ended(world, await world.pipeline())
    assert await world.watcher.clean_up(2**63 - 1) == counted(0)


@pytest.mark.parametrize(("days", "batch"), [(89, 10), (0, 10), (90, 0), (90, 100_001)])
async def test_too_short_a_retention_and_impossible_batches_are_refused(
    world: World, days: int, batch: int
) -> None:
    with pytest.raises(InvalidValue):
        await world.watcher.clean_up(days, batch)


async def test_nobody_is_found_below_what_is_forgotten(world: World) -> None:
    pipeline_id = await world.pipeline()
    parent = await ended(world, pipeline_id)
    await world.watcher.clean_up(90)
    for unknown in (parent, NOBODY):
        (verdict,) = await world.executions.start([started(pipeline_id, parent_id=unknown)])
        assert type(verdict).__name__ == "ParentExecutionNotFound"
