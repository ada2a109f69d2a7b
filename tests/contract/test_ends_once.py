"""A run ends once: the same end again is harmless, another is refused, and of many at once one wins."""

from asyncio import gather
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.world import NOBODY, NOON, Counting, World, at, failed, succeeded
from watcher.domain.execution import (
    End,
    ExecutionAlreadyEnded,
    ExecutionEndsBeforeStart,
    ExecutionNotFound,
    Outcome,
)
from watcher.domain.executions import Ended

COUNTS: Counting = {
    "inserts": 1,
    "updates": 2,
    "soft_deletes": 3,
    "total_rows": 4,
    "execution_metadata": {"a": 100, "b": {"c": [], "d": {}}},
}


async def test_the_same_end_again_is_harmless(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    identity = await world.start(pipeline_id)
    await world.end(identity, succeeded(**COUNTS))
    before, pipeline = await world.execution(identity), await world.pipelines.get(pipeline_id)
    assert await world.end(identity, succeeded(**COUNTS)) == Ended(identity, repeated=True)
    assert await world.execution(identity) == before
    assert await world.pipelines.get(pipeline_id) == pipeline


async def test_the_same_end_again_advances_nothing(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    identity = await world.start(pipeline_id)
    await world.end(identity, succeeded(inserts=1))
    reset = await world.pipelines.change(
        pipeline_id, {"load_lineage": True, "watermark": None, "last_target_insert": None}, NOON
    )
    await world.executions.end([End(identity, succeeded(inserts=1))] * 3)
    assert await world.pipelines.get(pipeline_id) == reset


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 100}, {"a": 1e2}),
        ({"a": 1e19}, {"a": 1e19}),
        ({"a": 2.0**60, "b": 2.0**63, "c": -(2.0**64)}, {"b": 2.0**63, "a": 2.0**60, "c": -(2.0**64)}),
        ({"a": 2**64 - 1, "b": -(2**63)}, {"a": 2**64 - 1, "b": -(2**63)}),
        ({"a": 1e300, "b": 5e-324, "c": 0.1}, {"c": 0.1, "b": 5e-324, "a": 1e300}),
        ({"a": '\U0001f600 \\ " \x01 \x7f \u2028'}, {"a": '\U0001f600 \\ " \x01 \x7f \u2028'}),
    ],
)
async def test_another_spelling_of_the_metadata_is_the_same_end(
    world: World, first: dict[str, object], again: dict[str, object]
) -> None:
    identity = await world.start(await world.pipeline())
    await world.end(identity, succeeded(execution_metadata=first))
    assert await world.end(identity, succeeded(execution_metadata=again)) == Ended(identity, repeated=True)


@pytest.mark.parametrize(
    "other",
    [
        succeeded(61, **COUNTS),
        succeeded(60.000001, **COUNTS),
        failed(60, **COUNTS),
        replace(succeeded(**COUNTS), inserts=None),
        replace(succeeded(**COUNTS), inserts=0),
        replace(succeeded(**COUNTS), updates=3),
        replace(succeeded(**COUNTS), soft_deletes=4),
        replace(succeeded(**COUNTS), total_rows=5),
        replace(succeeded(**COUNTS), execution_metadata=None),
        replace(succeeded(**COUNTS), execution_metadata={"a": 100, "b": {"c": {}, "d": []}}),
    ],
    ids=str,
)
async def test_a_contradicting_end_is_refused(world: World, other: Outcome) -> None:
    pipeline_id = await world.pipeline()
    identity = await world.start(pipeline_id)
    await world.end(identity, succeeded(**COUNTS))
    before, pipeline = await world.execution(identity), await world.pipelines.get(pipeline_id)
    assert await world.end(identity, other) == ExecutionAlreadyEnded(
        identity, at(60), completed_successfully=True
    )
    assert await world.execution(identity) == before
    assert await world.pipelines.get(pipeline_id) == pipeline


async def test_the_same_end_in_another_time_zone_is_the_same(world: World) -> None:
    identity = await world.start(await world.pipeline())
    outcome = succeeded()
    await world.end(identity, outcome)
    elsewhere = outcome.end_date.astimezone(tz=None) + timedelta(0)
    assert await world.end(identity, replace(outcome, end_date=elsewhere)) == Ended(identity, repeated=True)


async def test_of_four_simultaneous_contradicting_ends_one_wins(world: World) -> None:
    pipeline_id = await world.pipeline()
    for _ in range(5):
        identity = await world.start(pipeline_id)
        outcomes = [succeeded(60), failed(60), succeeded(61), succeeded(60, total_rows=1)]
        verdicts = await gather(*(world.end(identity, outcome) for outcome in outcomes))
        (winner,) = [turn for turn, verdict in enumerate(verdicts) if verdict == Ended(identity)]
        held = await world.execution(identity)
        assert held.end_date is not None
        told = ExecutionAlreadyEnded(identity, held.end_date, bool(held.completed_successfully))
        assert [verdict for turn, verdict in enumerate(verdicts) if turn != winner] == [told] * 3
        assert await world.end(identity, outcomes[winner]) == Ended(identity, repeated=True)


async def test_of_four_simultaneous_contradicting_lists_one_wins_each_run(world: World) -> None:
    pipeline_id = await world.pipeline()
    identities = [await world.start(pipeline_id) for _ in range(20)]
    lists = [[End(each, succeeded(turn)) for each in identities[:: (-1) ** turn]] for turn in range(4)]
    answers = await gather(*(world.executions.end(ends) for ends in lists))
    verdicts = [verdict for answer in answers for verdict in answer]
    assert sorted(v.id for v in verdicts if isinstance(v, Ended) and not v.repeated) == sorted(identities)
    assert sum(isinstance(verdict, ExecutionAlreadyEnded) for verdict in verdicts) == 60


async def test_of_many_simultaneous_equal_ends_one_counts_and_all_are_welcome(world: World) -> None:
    identity = await world.start(await world.pipeline())
    verdicts = await gather(*(world.end(identity, succeeded(**COUNTS)) for _ in range(24)))
    assert verdicts.count(Ended(identity)) == 1
    assert verdicts.count(Ended(identity, repeated=True)) == 23


async def test_of_several_ends_of_one_run_in_a_list_the_first_that_can_be_counts(world: World) -> None:
    pipeline_id = await world.pipeline()
    one, two = await world.start(pipeline_id), await world.start(pipeline_id)
    verdicts = await world.executions.end(
        [
            End(one, succeeded(-1)),
            End(one, succeeded(5)),
            End(two, failed(6)),
            End(one, succeeded(5)),
            End(NOBODY, failed(6)),
            End(one, failed(5)),
            End(two, failed(6)),
            End(one, succeeded(-1)),
        ]
    )
    assert verdicts == [
        ExecutionEndsBeforeStart(NOON, at(-1)),
        Ended(one),
        Ended(two),
        Ended(one, repeated=True),
        ExecutionNotFound(NOBODY),
        ExecutionAlreadyEnded(one, at(5), completed_successfully=True),
        Ended(two, repeated=True),
        ExecutionEndsBeforeStart(NOON, at(-1)),
    ]
