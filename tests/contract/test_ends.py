"""A run ends: how long it took, how fast it was, and what it may not claim."""

from asyncio import gather
from dataclasses import replace
from datetime import datetime

import pytest

from tests.contract.world import NOBODY, NOON, World, at, failed, started, succeeded
from watcher.domain.clock import FIRST, LAST
from watcher.domain.execution import (
    MICROSECOND,
    End,
    ExecutionAlreadyEnded,
    ExecutionEndsBeforeStart,
    ExecutionNotFound,
    Outcome,
    Start,
)
from watcher.domain.executions import Ended, Started

HUGE = 2**63 - 1


async def test_an_ended_run_has_what_its_end_said(world: World) -> None:
    identity = await world.start(await world.pipeline(), watermark="1")
    before = await world.execution(identity)
    outcome = failed(
        90.5, inserts=1, updates=0, soft_deletes=2, total_rows=362, execution_metadata={"a": None}
    )
    assert await world.end(identity, outcome) == Ended(identity)
    assert await world.execution(identity) == replace(
        before,
        end_date=at(90.5),
        completed_successfully=False,
        inserts=1,
        updates=0,
        soft_deletes=2,
        total_rows=362,
        execution_metadata={"a": None},
        duration_seconds=90,
        throughput=4.0,
    )


@pytest.mark.parametrize(
    ("seconds", "total_rows", "duration", "throughput"),
    [
        (60, None, 60, None),
        (60, 0, 60, None),
        (0, 100, 0, None),
        (0.000001, 1, 0, 1e6),
        (0.000001, HUGE, 0, 9.223372036854775807e24),
        (0.999999, 1, 0, 1.0),
        (1.999999, 1, 1, 0.5),
        (3, 1, 3, 0.3333),
        (3, 2, 3, 0.6667),
        (80_000, 1, 80_000, 0.0),
        (20_000, 1, 20_000, 0.0001),
        (16, 10.0, 16, 0.625),
        (2, HUGE, 2, 4.611686018427387904e18),
        (7, HUGE, 7, 1317624576693539401.0),
        (31_536_000 * 50, 1_576_800, 1_576_800_000, 0.001),
    ],
)
async def test_duration_and_throughput(
    world: World, seconds: float, total_rows: int | None, duration: int, throughput: float | None
) -> None:
    identity = await world.start(await world.pipeline())
    rows = None if total_rows is None else int(total_rows)
    await world.end(identity, succeeded(seconds, total_rows=rows))
    ended = await world.execution(identity)
    assert (ended.duration_seconds, ended.throughput) == (duration, throughput)


async def test_the_longest_run_lasts_ten_thousand_years(world: World) -> None:
    first = await begun(world, FIRST + MICROSECOND)
    last = LAST - MICROSECOND
    assert await world.end(
        first, Outcome(end_date=last, completed_successfully=True, total_rows=HUGE)
    ) == Ended(first)
    ended = await world.execution(first)
    assert ended.duration_seconds == 315_537_897_599
    assert ended.throughput == 29_230_631.5882


async def begun(world: World, start_date: datetime) -> int:
    start = Start(pipeline_id=await world.pipeline(), start_date=start_date)
    (verdict,) = await world.executions.start([start])
    assert isinstance(verdict, Started)
    return verdict.id


async def test_counts_may_be_as_large_as_they_can_be_kept(world: World) -> None:
    identity = await world.start(await world.pipeline())
    await world.end(identity, succeeded(inserts=HUGE, updates=HUGE, soft_deletes=HUGE, total_rows=HUGE))
    ended = await world.execution(identity)
    assert {ended.inserts, ended.updates, ended.soft_deletes, ended.total_rows} == {HUGE}


async def test_a_run_may_end_at_the_moment_of_its_start(world: World) -> None:
    identity = await world.start(await world.pipeline())
    assert await world.end(identity, succeeded(0)) == Ended(identity)


async def test_a_run_cannot_end_before_its_start(world: World) -> None:
    identity = await world.start(await world.pipeline())
    assert await world.end(identity, succeeded(-0.000001)) == ExecutionEndsBeforeStart(NOON, at(-0.000001))
    assert (await world.execution(identity)).end_date is None


async def test_an_unknown_run_cannot_end(world: World) -> None:
    assert await world.end(NOBODY, succeeded()) == ExecutionNotFound(NOBODY)


async def test_no_ends_have_no_verdicts(world: World) -> None:
    assert await world.executions.end([]) == []


async def test_the_use_case_raises_why_it_was_refused(world: World) -> None:
    with pytest.raises(ExecutionNotFound) as refusal:
        await world.watcher.end_execution(NOBODY, succeeded())
    assert refusal.value == ExecutionNotFound(NOBODY)


async def test_a_refusal_in_the_middle_of_a_list_harms_no_neighbour(world: World) -> None:
    pipeline_id = await world.pipeline()
    first, early, ended, last = [await world.start(pipeline_id) for _ in range(4)]
    await world.end(ended, failed(1))
    verdicts = await world.executions.end(
        [
            End(first, succeeded()),
            End(NOBODY, succeeded()),
            End(early, succeeded(-1)),
            End(ended, succeeded()),
            End(last, succeeded()),
        ]
    )
    assert verdicts == [
        Ended(first),
        ExecutionNotFound(NOBODY),
        ExecutionEndsBeforeStart(NOON, at(-1)),
        ExecutionAlreadyEnded(ended, at(1), completed_successfully=False),
        Ended(last),
    ]
    assert [(await world.execution(each)).end_date for each in (first, early, ended, last)] == [
        at(60),
        None,
        at(1),
        at(60),
    ]


async def test_runs_that_begin_and_end_together_all_do(world: World) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(10)]
    answers = await gather(*(world.executions.start([started(pipelines[n % 10])]) for n in range(200)))
    identities = [verdict.id for (verdict,) in answers if isinstance(verdict, Started)]
    ended = await gather(*(world.end(identity, succeeded(total_rows=1)) for identity in identities))
    assert ended == [Ended(identity) for identity in identities]
