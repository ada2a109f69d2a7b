"""What a success does to its pipeline: it has come further, and never back."""

from asyncio import gather
from dataclasses import replace
from itertools import pairwise, permutations

import pytest

from tests.contract.world import NOBODY, NOON, World, at, failed, succeeded
from watcher.domain.execution import End
from watcher.domain.executions import Ended


async def watermark(world: World, pipeline_id: int) -> str | None:
    return (await world.pipelines.get(pipeline_id)).watermark


@pytest.mark.parametrize(
    ("own", "of_pipeline", "reached"),
    [
        ("run", "pipeline", "run"),
        (None, "pipeline", "pipeline"),
        ("run", None, "run"),
        (None, None, "before"),
    ],
)
async def test_a_success_reaches_its_own_next_watermark_else_the_pipelines(
    world: World, own: str | None, of_pipeline: str | None, reached: str
) -> None:
    pipeline_id = await world.pipeline(next_watermark=of_pipeline)
    await world.pipelines.change(pipeline_id, {"watermark": "before"}, NOON)
    before = await world.pipelines.get(pipeline_id)
    await world.end(await world.start(pipeline_id, next_watermark=own), succeeded())
    after = await world.pipelines.get(pipeline_id)
    assert after == replace(before, watermark=reached, load_lineage=False)


async def test_an_empty_next_watermark_is_one_too(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="pipeline")
    await world.end(await world.start(pipeline_id, next_watermark=""), succeeded())
    assert await watermark(world, pipeline_id) == ""


async def test_the_pipelines_next_watermark_is_that_of_the_moment_of_the_end(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    identity = await world.start(pipeline_id)
    await world.pipeline(next_watermark="april")
    await world.end(identity, succeeded())
    assert await watermark(world, pipeline_id) == "april"


async def test_a_failure_does_nothing_to_its_pipeline(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    before = await world.pipelines.get(pipeline_id)
    identity = await world.start(pipeline_id, next_watermark="run")
    await world.end(identity, failed(inserts=1, updates=1, soft_deletes=1))
    assert await world.pipelines.get(pipeline_id) == before


async def test_a_refused_end_does_nothing_to_its_pipeline(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    before = await world.pipelines.get(pipeline_id)
    identity = await world.start(pipeline_id, next_watermark="run")
    await world.executions.end([End(NOBODY, succeeded()), End(identity, succeeded(-1, inserts=1))])
    assert await world.pipelines.get(pipeline_id) == before


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_a_run_that_started_earlier_does_not_move_the_watermark_back(
    world: World, order: tuple[int, ...]
) -> None:
    pipeline_id = await world.pipeline()
    runs = [await world.start(pipeline_id, turn, next_watermark=str(turn)) for turn in range(3)]
    for done, turn in enumerate(order, start=1):
        await world.end(runs[turn], succeeded(100 + done))
        assert await watermark(world, pipeline_id) == str(max(order[:done]))


async def test_of_runs_with_the_same_start_the_last_end_counts(world: World) -> None:
    pipeline_id = await world.pipeline()
    first, second = [await world.start(pipeline_id, next_watermark=name) for name in ("first", "second")]
    await world.end(second, succeeded())
    await world.end(first, succeeded())
    assert await watermark(world, pipeline_id) == "first"


async def test_a_microsecond_makes_a_start_earlier(world: World) -> None:
    pipeline_id = await world.pipeline()
    late = await world.start(pipeline_id, 0.000001, next_watermark="late")
    early = await world.start(pipeline_id, 0, next_watermark="early")
    await world.executions.end([End(late, succeeded()), End(early, succeeded())])
    assert await watermark(world, pipeline_id) == "late"


async def test_a_run_without_any_watermark_does_not_stand_in_the_way_of_an_earlier_one(world: World) -> None:
    pipeline_id = await world.pipeline()
    early = await world.start(pipeline_id, 0, next_watermark="early")
    late = await world.start(pipeline_id, 10)
    await world.end(late, succeeded())
    await world.end(early, succeeded())
    assert await watermark(world, pipeline_id) == "early"


async def test_a_failed_run_does_not_stand_in_the_way_of_an_earlier_one(world: World) -> None:
    pipeline_id = await world.pipeline()
    early = await world.start(pipeline_id, 0, next_watermark="early")
    late = await world.start(pipeline_id, 10, next_watermark="late")
    await world.executions.end([End(late, failed()), End(early, succeeded())])
    assert await watermark(world, pipeline_id) == "early"


async def test_a_watermark_set_by_hand_stays_until_a_run_moves_it(world: World) -> None:
    pipeline_id = await world.pipeline()
    early, late = [await world.start(pipeline_id, turn, next_watermark=str(turn)) for turn in (0, 10)]
    await world.end(late, succeeded())
    await world.pipelines.change(pipeline_id, {"watermark": "by hand"}, NOON)
    await world.end(early, succeeded())
    assert await watermark(world, pipeline_id) == "by hand"
    await world.end(await world.start(pipeline_id, 10, next_watermark="next"), succeeded())
    assert await watermark(world, pipeline_id) == "next"


async def test_the_times_of_the_target_move_forward_for_each_count_above_zero(world: World) -> None:
    pipeline_id = await world.pipeline()
    runs = [await world.start(pipeline_id) for _ in range(4)]
    await world.end(runs[0], succeeded(60, inserts=1, updates=0, total_rows=9))
    await world.end(runs[1], succeeded(90, updates=2, soft_deletes=3))
    await world.end(runs[2], succeeded(70, inserts=1, updates=1, soft_deletes=1))
    await world.end(runs[3], failed(99, inserts=1, updates=1, soft_deletes=1))
    held = await world.pipelines.get(pipeline_id)
    times = (held.last_target_insert, held.last_target_update, held.last_target_soft_delete)
    assert times == (at(70), at(90), at(90))


async def test_an_earlier_run_that_ends_later_still_moves_the_times_of_the_target(world: World) -> None:
    pipeline_id = await world.pipeline()
    early, late = [await world.start(pipeline_id, turn, next_watermark=str(turn)) for turn in (0, 10)]
    await world.end(late, succeeded(60, inserts=1))
    await world.end(early, succeeded(90, inserts=1))
    held = await world.pipelines.get(pipeline_id)
    assert (held.watermark, held.last_target_insert) == ("10", at(90))


async def test_a_success_leaves_the_time_of_the_last_change(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.pipelines.change(pipeline_id, {"active": False}, at(1))
    await world.end(await world.start(pipeline_id, next_watermark="1"), succeeded())
    assert (await world.pipelines.get(pipeline_id)).updated_at == at(1)


async def test_many_ends_of_one_pipeline_in_a_list_are_as_one_by_one(world: World) -> None:
    singly, together = await world.pipeline("singly"), await world.pipeline("together")
    cases = [(start, end, turn) for turn in range(4) for start in (5, 0, 5, 3) for end in (60, 50, 70)]
    ends: list[list[End]] = []
    for pipeline_id in (singly, together):
        ends.append([])
        for turn, (start, end, count) in enumerate(cases):
            run = await world.start(pipeline_id, start, next_watermark=f"{turn}" if turn % 3 else None)
            outcome = succeeded if turn % 5 else failed
            ends[-1].append(End(run, outcome(end, inserts=count % 2, updates=count % 3, soft_deletes=None)))
    for each in ends[0]:
        await world.executions.end([each])
    await world.executions.end(ends[1])
    one, other = await world.pipelines.get(singly), await world.pipelines.get(together)
    assert replace(one, id=0, name="") == replace(other, id=0, name="")


async def test_two_hundred_simultaneous_ends_of_one_pipeline_all_count(world: World) -> None:
    pipeline_id = await world.pipeline()
    runs = [await world.start(pipeline_id, turn, next_watermark=str(turn)) for turn in range(200)]
    ends = [End(run, succeeded(1000 - turn, inserts=turn % 2)) for turn, run in enumerate(runs)]
    lists = [ends[low:high] for low, high in pairwise(range(0, 121, 10))]
    answers = await gather(
        *(world.executions.end(some) for some in lists), *(world.executions.end([end]) for end in ends[120:])
    )
    assert sorted(v.id for answer in answers for v in answer if isinstance(v, Ended)) == runs
    held = await world.pipelines.get(pipeline_id)
    assert (held.watermark, held.last_target_insert, held.load_lineage) == ("199", at(999), False)


async def test_simultaneous_lists_over_many_pipelines_do_not_block_each_other(world: World) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(20)]
    lists = []
    for turn in range(6):
        order = pipelines[:: (-1) ** turn]
        runs = [(await world.start(each, turn, next_watermark=str(turn))) for each in order]
        lists.append([End(run, succeeded(inserts=1)) for run in runs[:: (-1) ** (turn // 2)]])
    answers = await gather(*(world.executions.end(ends) for ends in lists))
    assert all(isinstance(verdict, Ended) for answer in answers for verdict in answer)
    assert {row.watermark for row in await world.all_pipelines()} == {"5"}
