"""A run begins once, in its place in the tree, and a refused one harms no neighbour."""

from asyncio import gather

import pytest

from tests.contract.world import NOBODY, NOON, World, at, started, succeeded
from watcher.domain.errors import WatcherError
from watcher.domain.execution import Execution, ParentExecutionNotFound, Start
from watcher.domain.executions import ExecutionFilter, Started
from watcher.domain.page import Page
from watcher.domain.pipeline import PipelineNotFound


async def count_of_executions(world: World) -> int:
    return len((await world.executions.page(ExecutionFilter(), Page(limit=10_000))).items)


def ids(verdicts: list[Started | WatcherError]) -> list[int]:
    return [verdict.id for verdict in verdicts if isinstance(verdict, Started)]


async def test_a_run_has_what_its_start_said(world: World) -> None:
    pipeline_id = await world.pipeline()
    parent_id = await world.start(pipeline_id)
    start = Start(
        pipeline_id=pipeline_id,
        start_date=at(0.000001),
        watermark=" From ",
        next_watermark="To",
        parent_id=parent_id,
        external_id="run 1",
    )
    (verdict,) = await world.executions.start([start])
    assert isinstance(verdict, Started)
    assert not verdict.repeated
    assert await world.execution(verdict.id) == Execution(
        id=verdict.id,
        parent_id=parent_id,
        pipeline_id=pipeline_id,
        start_date=at(0.000001),
        watermark=" From ",
        next_watermark="To",
        external_id="run 1",
    )


async def test_the_use_case_starts_now_unless_it_says_when(world: World) -> None:
    pipeline_id = await world.pipeline()
    world.clock.instant = at(7)
    now = await world.watcher.start_execution(pipeline_id)
    then = await world.watcher.start_execution(pipeline_id, NOON, watermark="1", external_id="x")
    assert (await world.execution(now.id)).start_date == at(7)
    assert (await world.execution(then.id)).start_date == NOON


async def test_the_use_case_raises_why_it_was_refused(world: World) -> None:
    with pytest.raises(PipelineNotFound) as refusal:
        await world.watcher.start_execution(NOBODY)
    assert refusal.value == PipelineNotFound(NOBODY)


async def test_no_starts_have_no_verdicts(world: World) -> None:
    assert await world.executions.start([]) == []


async def test_the_runs_of_one_list_have_ascending_ids(world: World) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(8)]
    starts = [started(pipelines[turn * 5 % 8], -turn) for turn in range(64)]
    begun = ids(await world.executions.start(starts))
    assert len(begun) == 64
    assert begun == sorted(begun)
    assert [(await world.execution(each)).start_date for each in begun[:9]] == [
        at(-turn) for turn in range(9)
    ]


async def test_a_refusal_in_the_middle_of_a_list_harms_no_neighbour(world: World) -> None:
    pipeline_id = await world.pipeline()
    verdicts = await world.executions.start(
        [
            started(pipeline_id),
            started(NOBODY),
            started(pipeline_id, parent_id=NOBODY),
            started(NOBODY, parent_id=NOBODY),
            started(pipeline_id),
        ]
    )
    first, unknown, orphan, both, last = verdicts
    assert [unknown, orphan, both] == [
        PipelineNotFound(NOBODY),
        ParentExecutionNotFound(NOBODY),
        PipelineNotFound(NOBODY),
    ]
    assert isinstance(first, Started)
    assert isinstance(last, Started)
    assert await count_of_executions(world) == 2


async def test_a_start_repeated_by_its_external_id_is_harmless(world: World) -> None:
    pipeline_id = await world.pipeline()
    first = await world.start(pipeline_id, external_id="run 1", watermark="1")
    again = await world.executions.start([started(pipeline_id, 60, external_id="run 1", watermark="2")])
    assert again == [Started(first, repeated=True)]
    assert (await world.execution(first)).watermark == "1"
    assert await count_of_executions(world) == 1


async def test_a_start_repeated_after_the_end_is_harmless(world: World) -> None:
    pipeline_id = await world.pipeline()
    first = await world.start(pipeline_id, external_id="run 1")
    await world.end(first, succeeded())
    ended = await world.execution(first)
    again = await world.executions.start([started(pipeline_id, external_id="run 1")])
    assert again == [Started(first, repeated=True)]
    assert await world.execution(first) == ended


async def test_an_external_id_is_one_of_its_pipeline_and_case_counts(world: World) -> None:
    orders, refunds = await world.pipeline("orders"), await world.pipeline("refunds")
    verdicts = await world.executions.start(
        [
            started(orders, external_id="run 1"),
            started(refunds, external_id="run 1"),
            started(orders, external_id="RUN 1"),
            started(orders, external_id=""),
            started(orders, external_id="ß" * 200),
        ]
    )
    assert len(set(ids(verdicts))) == 5
    assert await world.executions.start([started(orders, external_id="")]) == [
        Started(ids(verdicts)[3], repeated=True)
    ]


async def test_runs_without_external_id_are_never_repeats(world: World) -> None:
    pipeline_id = await world.pipeline()
    assert await world.start(pipeline_id) != await world.start(pipeline_id)


async def test_of_one_external_id_twice_in_a_list_the_first_counts(world: World) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(8)]
    starts = [
        started(pipeline_id, turn, external_id=str(run))
        for turn in range(3)
        for run in range(4)
        for pipeline_id in pipelines
    ]
    verdicts = await world.executions.start(starts)
    assert [isinstance(v, Started) and v.repeated for v in verdicts] == [False] * 32 + [True] * 64
    begun = ids(verdicts)
    assert begun[:32] == begun[32:64] == begun[64:]
    assert {(await world.execution(each)).start_date for each in begun} == {NOON}


async def test_a_refused_start_does_not_become_a_repeat_of_its_neighbour(world: World) -> None:
    pipeline_id = await world.pipeline()
    verdicts = await world.executions.start(
        [started(pipeline_id, external_id="x", parent_id=NOBODY), started(pipeline_id, external_id="x")]
    )
    assert verdicts == [ParentExecutionNotFound(NOBODY), Started(ids(verdicts)[0])]


async def test_a_repeat_with_an_unknown_parent_is_refused(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.start(pipeline_id, external_id="x")
    verdicts = await world.executions.start([started(pipeline_id, external_id="x", parent_id=NOBODY)])
    assert verdicts == [ParentExecutionNotFound(NOBODY)]


async def test_of_simultaneous_starts_with_one_external_id_one_begins(world: World) -> None:
    pipeline_id = await world.pipeline()
    answers = await gather(
        *(world.executions.start([started(pipeline_id, turn, external_id="x")]) for turn in range(24))
    )
    verdicts = [verdict for (verdict,) in answers if isinstance(verdict, Started)]
    assert sorted(verdict.repeated for verdict in verdicts) == [False] + [True] * 23
    assert len({verdict.id for verdict in verdicts}) == 1
    assert await count_of_executions(world) == 1


async def test_simultaneous_lists_with_the_same_external_ids_in_opposite_order_do_not_block_each_other(
    world: World,
) -> None:
    pipeline_id = await world.pipeline()
    starts = [started(pipeline_id, external_id=str(number)) for number in range(50)]
    there, back = await gather(world.executions.start(starts), world.executions.start(starts[::-1]))
    assert ids(there) == ids(back[::-1])
    assert await count_of_executions(world) == 50
