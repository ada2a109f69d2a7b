"""Runs are judged after they ended well, once, by what began before them."""

from typing import cast

import pytest

from tests.contract.world import NOBODY, Counting, World, at, failed, started, succeeded
from watcher.domain.anomaly import Bucket, MetricField, Standing
from watcher.domain.anomaly_results import AnomalyNotFlagged
from watcher.domain.execution import Record
from watcher.domain.executions import Started
from watcher.domain.jobs import Job

DAY = 86_400
ROWS, INSERTS = MetricField.TOTAL_ROWS, MetricField.INSERTS
HUGE = 2**63 - 1


async def history(world: World, pipeline_id: int, runs: int = 30, **counts: int) -> list[int]:
    """The ids of daily runs up to yesterday, of about a thousand rows each, or of about so many of these."""
    sizes = counts or {"total_rows": 1_000}
    ids = []
    for day in range(runs, 0, -1):
        counted = cast("Counting", {name: size + day % 5 for name, size in sizes.items()})
        ids.append(await world.ran(pipeline_id, -day * DAY, **counted))
    return ids


async def judge(world: World) -> int:
    return await world.watcher.detect_anomalies()


async def watched(world: World, runs: int = 30) -> int:
    """The id of a pipeline with a history and a rule; the history is not judged."""
    pipeline_id = await world.pipeline()
    await history(world, pipeline_id, runs)
    await world.rule(pipeline_id)
    return pipeline_id


async def test_a_run_that_is_like_those_before_is_normal(world: World) -> None:
    pipeline_id = await watched(world)
    run = await world.ran(pipeline_id, 0, total_rows=1_003)
    assert await judge(world) == 1
    (found,) = await world.verdicts()
    assert (found.pipeline_execution_id, found.pipeline_id, found.metric_field) == (run, pipeline_id, ROWS)
    assert (found.standing, found.value, found.flagged) == (Standing.NORMAL, 1_003, False)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1_003 < found.high
    assert (found.bucket, found.history_size, found.missing) == (Bucket.ALL, 27, 0)
    assert found.sentence == "1,003 rows; 769 to 1,310 expected, from the last 27 runs"
    assert (found.judged_at, found.start_date) == (world.clock.now(), at(0))


async def test_an_empty_run_is_anomalous_and_says_why(world: World) -> None:
    pipeline_id = await watched(world)
    run = await world.ran(pipeline_id, 0, total_rows=0)
    await judge(world)
    (found,) = await world.verdicts(flagged=True)
    assert (found.pipeline_execution_id, found.standing, found.value) == (run, Standing.ANOMALOUS, 0)
    assert found.sentence.startswith("0 rows; ")
    assert (await world.execution(run)).anomaly_flags == {"total_rows": True}


async def test_too_short_a_history_is_told_as_learning(world: World) -> None:
    pipeline_id = await watched(world, 3)
    run = await world.ran(pipeline_id, 0, total_rows=0)
    await judge(world)
    (found,) = await world.verdicts()
    assert (found.standing, found.missing, found.expected, found.bucket) == (Standing.LEARNING, 2, None, None)
    assert found.sentence == "Learning: 2 more successful runs until the first verdict."
    assert (await world.execution(run)).anomaly_flags is None
    assert await world.verdicts(flagged=True) == []


async def test_failed_runs_running_ones_and_earlier_ones_are_not_judged(world: World) -> None:
    pipeline_id = await watched(world)
    await world.start(pipeline_id)
    await world.end(await world.start(pipeline_id, 1), failed(60))
    assert await judge(world) == 0
    assert await world.verdicts() == []


async def test_an_end_says_whether_the_run_is_watched_and_announces_its_judging(world: World) -> None:
    pipeline_id, other = await watched(world), await world.pipeline("other")
    for pipeline, is_watched in ((other, False), (pipeline_id, True)):
        run = await world.start(pipeline)
        ended = await world.watcher.end_execution(run, succeeded(total_rows=1_000))
        assert ended.watched is is_watched
        assert world.jobs.announced == [(Job.DETECT_ANOMALIES, {})] * is_watched
    again = await world.watcher.end_execution(run, succeeded(total_rows=1_000))
    assert (again.repeated, again.watched) == (True, False)
    assert await judge(world) == 1


async def test_recorded_runs_are_judged_as_those_that_ended(world: World) -> None:
    pipeline_id, other = await watched(world), await world.pipeline("other")
    open_run = await world.start(pipeline_id, 10, external_id="x")
    records = [
        Record(started(other), succeeded(total_rows=0)),
        Record(started(pipeline_id), succeeded(total_rows=0)),
        Record(started(pipeline_id, 5), failed(total_rows=0)),
        Record(started(pipeline_id, 10, external_id="x"), succeeded(total_rows=1_000)),
    ]
    verdicts = await world.watcher.record_executions(records)
    begun = [verdict for verdict in verdicts if isinstance(verdict, Started)]
    assert [verdict.watched for verdict in begun] == [False, True, False, True]
    assert world.jobs.announced == [(Job.DETECT_ANOMALIES, {})]
    await judge(world)
    found = {row.pipeline_execution_id: row.standing for row in await world.verdicts()}
    assert found == {begun[1].id: Standing.ANOMALOUS, open_run: Standing.NORMAL}
    world.jobs.announced.clear()
    await world.watcher.record_executions(records[:1])
    assert world.jobs.announced == []


async def test_each_run_is_judged_once(world: World) -> None:
    pipeline_id = await watched(world)
    for minute in range(3):
        await world.ran(pipeline_id, minute * 60, total_rows=1_000)
    assert [await judge(world) for _ in range(2)] == [3, 0]
    assert len(await world.verdicts()) == 3


async def test_a_rule_created_later_judges_only_what_ends_afterwards(world: World) -> None:
    pipeline_id = await watched(world)
    await world.ran(pipeline_id, 0, total_rows=1_000, inserts=5)
    await world.rule(pipeline_id, metric_field=INSERTS)
    later = await world.ran(pipeline_id, 60, total_rows=1_000, inserts=5)
    await judge(world)
    found = [(row.metric_field, row.pipeline_execution_id == later) for row in await world.verdicts()]
    assert sorted(found) == [(INSERTS, True), (ROWS, False), (ROWS, True)]


async def test_deactivated_rules_and_inactive_pipelines_judge_nothing(world: World) -> None:
    pipeline_id = await watched(world)
    inserts = await world.rule(pipeline_id, metric_field=INSERTS)
    await world.ran(pipeline_id, 0, total_rows=0, inserts=0)
    await world.watcher.change_anomaly_rule(inserts, {"active": False})
    assert await judge(world) == 1
    assert [row.metric_field for row in await world.verdicts()] == [ROWS]
    await world.ran(pipeline_id, 60, total_rows=0)
    await world.pipelines.change(pipeline_id, {"active": False}, world.clock.now())
    assert [await judge(world) for _ in range(2)] == [1, 0]
    assert len(await world.verdicts()) == 1


async def test_a_metric_that_was_not_counted_is_not_judged(world: World) -> None:
    pipeline_id = await watched(world)
    run = await world.ran(pipeline_id, 0, inserts=3)
    assert await judge(world) == 1
    assert await world.verdicts(run=run) == []
    assert (await world.execution(run)).anomaly_flags is None


async def test_only_earlier_successes_that_have_the_metric_count(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.rule(pipeline_id)
    await history(world, pipeline_id, 4)
    await world.end(await world.start(pipeline_id, -7_200), failed(-7_000, total_rows=1_000))
    await world.ran(pipeline_id, -3_600, inserts=1)
    await world.start(pipeline_id, -1_800)
    await world.ran(pipeline_id, 7_200, total_rows=1_000)
    run = await world.ran(pipeline_id, 0, total_rows=0)
    await world.ran(pipeline_id, 0, total_rows=1_000)
    await judge(world)
    (found,) = await world.verdicts(run=run)
    assert (found.standing, found.missing) == (Standing.LEARNING, 1)


async def test_metrics_are_judged_each_by_its_own_history(world: World) -> None:
    pipeline_id = await world.pipeline()
    await history(world, pipeline_id, 30, total_rows=1_000, inserts=50, updates=HUGE - 10)
    for metric in MetricField:
        await world.rule(pipeline_id, metric_field=metric)
    run = await world.ran(pipeline_id, 0, total_rows=1_000, inserts=0, updates=HUGE)
    await judge(world)
    found = {row.metric_field: row for row in await world.verdicts(run=run)}
    assert found.keys() == set(MetricField) - {MetricField.SOFT_DELETES}
    assert found[MetricField.UPDATES].value == HUGE
    assert found[MetricField.THROUGHPUT].value == pytest.approx(1_000 / 60, abs=1e-4)
    assert (await world.execution(run)).anomaly_flags == {
        "total_rows": False, "inserts": True, "updates": False, "duration_seconds": False, "throughput": False,
    }  # fmt: skip


async def test_flags_are_shown_in_trees_and_lists(world: World) -> None:
    pipeline_id = await watched(world)
    parent = await world.start(pipeline_id, -1)
    child = await world.start(pipeline_id, 0, parent_id=parent)
    await world.end(child, succeeded(total_rows=0))
    await judge(world)
    tree = await world.executions.tree(parent)
    assert [run.anomaly_flags for run in tree] == [None, {"total_rows": True}]


async def test_a_flagged_run_that_is_unflagged_counts_again(world: World) -> None:
    pipeline_id = await watched(world)
    run = await world.ran(pipeline_id, 0, total_rows=0)
    await judge(world)
    await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS, INSERTS])
    (found,) = await world.verdicts()
    assert (found.standing, found.flagged, found.unflagged_at) == (
        Standing.ANOMALOUS, False, world.clock.now(),
    )  # fmt: skip
    assert (await world.execution(run)).anomaly_flags == {"total_rows": False}
    with pytest.raises(AnomalyNotFlagged):
        await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS])


async def test_a_flagged_run_is_known_as_such_to_those_after_it(world: World) -> None:
    """Of empty runs, flagged ones are no habit, whether they were judged in one go or one by one."""
    stories: list[list[float | None]] = []
    for name, unflagging, together in (("a", False, True), ("b", False, False), ("c", True, False)):
        pipeline_id = await world.pipeline(name)
        await history(world, pipeline_id, 30)
        await world.rule(pipeline_id)
        for day in range(6):
            run = await world.ran(pipeline_id, day * DAY, total_rows=0 if day % 2 == 0 else 1_000)
            if not together:
                await judge(world)
            if unflagging and await world.verdicts(run=run, flagged=True):
                await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS])
        await judge(world)
        stories.append([row.score for row in await world.verdicts(pipeline_id=pipeline_id)])
    assert stories[0] == stories[1] != stories[2]


@pytest.mark.parametrize("wrong", ["pipeline", "execution", "metric", "normal"])
async def test_what_is_not_flagged_cannot_be_unflagged(world: World, wrong: str) -> None:
    pipeline_id = await watched(world)
    run = await world.ran(pipeline_id, 0, total_rows=1_000 if wrong == "normal" else 0)
    await judge(world)
    before = await world.verdicts()
    asked = (
        NOBODY if wrong == "pipeline" else pipeline_id,
        NOBODY if wrong == "execution" else run,
        [INSERTS] if wrong == "metric" else [ROWS],
    )
    with pytest.raises(AnomalyNotFlagged):
        await world.watcher.unflag_anomaly(*asked)
    assert await world.verdicts() == before


async def test_a_late_run_is_judged_by_what_began_before_it(world: World) -> None:
    pipeline_id = await world.pipeline()
    await history(world, pipeline_id, 30)
    for day in range(1, 31):
        await world.ran(pipeline_id, day * DAY, total_rows=9_000)
    await world.rule(pipeline_id)
    late = await world.ran(pipeline_id, 3_600, total_rows=1_002)
    await judge(world)
    (found,) = await world.verdicts(run=late)
    assert (found.standing, found.history_size) == (Standing.NORMAL, 27)
    assert found.expected == pytest.approx(1_003, abs=5)


async def test_verdicts_are_listed_newest_first_by_pipeline_execution_and_flag(world: World) -> None:
    one, other = await world.pipeline("one"), await world.pipeline("other")
    for pipeline in (one, other):
        await history(world, pipeline, 30)
        await world.rule(pipeline)
    runs = [await world.ran(each, day * DAY, total_rows=0) for day in (0, 1) for each in (one, other)]
    await world.ran(one, 2 * DAY, total_rows=1_000)
    await judge(world)
    assert sorted(row.pipeline_execution_id for row in await world.verdicts(flagged=True)) == runs
    found = await world.verdicts()
    assert [row.id for row in found] == sorted(row.id for row in found)
    assert len(await world.verdicts(flagged=False)) == 1
    assert {row.pipeline_execution_id for row in await world.verdicts(pipeline_id=other)} == set(runs[1::2])
    assert len(await world.verdicts(run=runs[0], pipeline_id=one, flagged=True)) == 1
    assert await world.verdicts(run=runs[0], pipeline_id=other) == []
