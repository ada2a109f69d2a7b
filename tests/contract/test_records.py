"""Runs that are over are taken in bulk, as if each had begun and ended by itself."""

from asyncio import gather
from dataclasses import replace
from random import Random
from time import perf_counter

import pytest
from pydantic import SecretStr

from tests.contract.world import NOBODY, NOON, StoppedClock, World, at, failed, started, succeeded
from watcher.container import Container
from watcher.domain.errors import WatcherError
from watcher.domain.execution import (
    End,
    Execution,
    ExecutionAlreadyEnded,
    ExecutionEndsBeforeStart,
    ParentExecutionNotFound,
    Record,
)
from watcher.domain.executions import ExecutionFilter, Started
from watcher.domain.page import Page
from watcher.domain.pipeline import Pipeline, PipelineNotFound
from watcher.settings import MEMORY, Settings


def oracle() -> World:
    """Another record, where the same runs begin and end one by one."""
    return World(
        "memory", MEMORY, Container(settings=Settings(database_url=SecretStr(MEMORY))), StoppedClock()
    )


def random_records(pipelines: list[int], count: int, seed: int) -> list[Record]:
    chance = Random(seed)
    records = []
    for _ in range(count):
        begin = chance.choice([0, 0, 1, 2, 5])
        start = started(
            chance.choice(pipelines),
            begin,
            next_watermark=chance.choice([None, "a", "b", "c", "d"]),
            external_id=chance.choice([None, None, "x", "y"]),
        )
        outcome = chance.choice([succeeded, succeeded, failed])
        counts = [chance.choice([None, 0, 3]) for _ in range(4)]
        end = outcome(
            begin + chance.choice([0, 1, 7, 7, 9]),
            inserts=counts[0],
            updates=counts[1],
            soft_deletes=counts[2],
            total_rows=counts[3],
        )
        records.append(Record(start, end))
    return records


async def begun_and_ended(world: World, records: list[Record]) -> list[Started | WatcherError]:
    """One by one, by end, then in order; then those that were known already."""
    verdicts: dict[int, Started | WatcherError] = {}
    for turn in sorted(range(len(records)), key=lambda turn: records[turn].outcome.end_date):
        (verdict,) = await world.executions.start([records[turn].start])
        verdicts[turn] = verdict
        if isinstance(verdict, Started) and not verdict.repeated:
            await world.executions.end([End(verdict.id, records[turn].outcome)])
    for turn, verdict in verdicts.items():
        if isinstance(verdict, Started) and verdict.repeated:
            (ended,) = await world.executions.end([End(verdict.id, records[turn].outcome)])
            verdicts[turn] = ended if isinstance(ended, WatcherError) else verdict
    return [verdicts[turn] for turn in range(len(records))]


def told(verdict: Started | WatcherError) -> bool | WatcherError:
    """The verdict, whatever the ids."""
    if isinstance(verdict, Started):
        return verdict.repeated
    return replace(verdict, id=0) if isinstance(verdict, ExecutionAlreadyEnded) else verdict


async def recorded(world: World) -> tuple[list[Pipeline], list[Execution]]:
    """All that is on record, whatever the ids."""
    pipelines = await world.all_pipelines()
    names = {row.id: turn for turn, row in enumerate(pipelines)}
    page = await world.executions.page(ExecutionFilter(), Page(limit=10_000))
    executions = [replace(row, id=0, pipeline_id=names[row.pipeline_id]) for row in page.items]
    return [replace(row, id=0, pipeline_type_id=0) for row in pipelines], executions


@pytest.mark.parametrize("seed", range(12))
async def test_records_do_what_beginning_and_ending_one_by_one_does(world: World, seed: int) -> None:
    other = oracle()
    answers = []
    for place, take in ((world, world.executions.record), (other, lambda some: begun_and_ended(other, some))):
        pipelines = [
            await place.pipeline("plain"),
            await place.pipeline("marked", next_watermark="of the pipeline"),
            NOBODY,
        ]
        verdicts = []
        for round_ in range(2):
            verdicts += await take(random_records(pipelines, 40, seed * 2 + round_))
        answers.append([told(verdict) for verdict in verdicts])
    assert answers[0] == answers[1]
    assert await recorded(world) == await recorded(other)


async def test_a_record_has_all_that_its_start_and_its_end_said(world: World) -> None:
    pipeline_id = await world.pipeline()
    parent_id = await world.start(pipeline_id)
    start = started(pipeline_id, 1, parent_id=parent_id, watermark="a", next_watermark="b", external_id="x")
    outcome = succeeded(
        5, inserts=1, updates=2, soft_deletes=3, total_rows=6, execution_metadata={"a": [{"b": None}]}
    )
    (verdict,) = await world.executions.record([Record(start, outcome)])
    assert isinstance(verdict, Started)
    assert await world.execution(verdict.id) == Execution.begun(verdict.id, start).ended(outcome)
    assert [each.id for each in await world.executions.tree(parent_id)] == [parent_id, verdict.id]


async def test_the_last_to_end_has_the_last_word_wherever_it_stands_in_the_list(world: World) -> None:
    pipeline_id = await world.pipeline()
    last = Record(started(pipeline_id, next_watermark="last"), succeeded(9, inserts=1))
    early = Record(started(pipeline_id, next_watermark="early"), succeeded(8, inserts=1))
    await world.executions.record([last, early])
    held = await world.pipelines.get(pipeline_id)
    assert (held.watermark, held.last_target_insert, held.load_lineage) == ("last", at(9), False)


async def test_a_refusal_in_the_middle_of_a_list_harms_no_neighbour(world: World) -> None:
    pipeline_id = await world.pipeline()
    starts = [
        started(pipeline_id),
        started(NOBODY),
        started(pipeline_id, parent_id=NOBODY, next_watermark="refused"),
        started(pipeline_id),
    ]
    verdicts = await world.executions.record(
        [Record(start, succeeded(9 - turn)) for turn, start in enumerate(starts)]
    )
    assert verdicts[1:3] == [PipelineNotFound(NOBODY), ParentExecutionNotFound(NOBODY)]
    ended = [await world.execution(v.id) for v in verdicts if isinstance(v, Started)]
    assert [each.end_date for each in ended] == [at(9), at(6)]
    assert (await world.pipelines.get(pipeline_id)).watermark is None


async def test_a_whole_list_repeated_by_its_external_ids_is_harmless(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    records = [Record(started(pipeline_id, turn, external_id=str(turn)), succeeded()) for turn in range(50)]
    first = await world.executions.record(records)
    reset = await world.pipelines.change(pipeline_id, {"watermark": "by hand", "load_lineage": True}, NOON)
    again = await world.executions.record(records)
    assert again == [Started(v.id, repeated=True) for v in first if isinstance(v, Started)]
    assert await world.pipelines.get(pipeline_id) == reset


async def test_a_record_of_a_run_that_is_under_way_is_its_end(world: World) -> None:
    pipeline_id = await world.pipeline(next_watermark="march")
    identity = await world.start(pipeline_id, external_id="x")
    record = Record(started(pipeline_id, external_id="x"), succeeded())
    assert await world.executions.record([record]) == [Started(identity, repeated=True)]
    assert (await world.execution(identity)).end_date == record.outcome.end_date
    assert (await world.pipelines.get(pipeline_id)).watermark == "march"
    assert await world.executions.record([record]) == [Started(identity, repeated=True)]


async def test_of_one_external_id_twice_in_a_list_the_first_to_end_counts(world: World) -> None:
    pipeline_id = await world.pipeline()
    late, early = [Record(started(pipeline_id, external_id="x"), succeeded(end)) for end in (9, 8)]
    one, other = await world.executions.record([late, early])
    assert isinstance(other, Started)
    assert one == ExecutionAlreadyEnded(other.id, at(8), True)
    assert (await world.execution(other.id)).end_date == at(8)


async def test_simultaneous_equal_lists_are_recorded_once(world: World) -> None:
    pipeline_id = await world.pipeline()
    records = [Record(started(pipeline_id, turn, external_id=str(turn)), succeeded()) for turn in range(50)]
    answers = await gather(*(world.executions.record(records[:: (-1) ** turn]) for turn in range(4)))
    verdicts = [verdict for answer in answers for verdict in answer if isinstance(verdict, Started)]
    assert len({verdict.id for verdict in verdicts}) == sum(not v.repeated for v in verdicts) == 50


async def test_no_records_have_no_verdicts(world: World) -> None:
    assert await world.executions.record([]) == []


async def test_a_record_cannot_end_before_its_start() -> None:
    with pytest.raises(ExecutionEndsBeforeStart):
        Record(started(1), succeeded(-1))


async def test_ten_thousand_records_at_once(world: World) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(100)]
    records = [
        Record(
            started(pipelines[turn % 100], turn, external_id=str(turn)), succeeded(20_000 - turn, inserts=1)
        )
        for turn in range(10_000)
    ]
    begin = perf_counter()
    verdicts = await world.executions.record(records)
    again = await world.executions.record(records)
    assert perf_counter() - begin < 20
    assert sum(isinstance(v, Started) and not v.repeated for v in verdicts) == 10_000
    assert sum(isinstance(v, Started) and v.repeated for v in again) == 10_000
    assert (await world.pipelines.get(pipelines[7])).last_target_insert == at(19_993)


async def test_ten_thousand_starts_and_ends_at_once(world: World) -> None:
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(100)]
    begin = perf_counter()
    verdicts = await world.executions.start([started(pipelines[turn % 100]) for turn in range(10_000)])
    runs = [verdict.id for verdict in verdicts if isinstance(verdict, Started)]
    ended = await world.executions.end([End(run, succeeded(inserts=1)) for run in runs])
    assert perf_counter() - begin < 20
    assert len(ended) == len(runs) == 10_000
    assert (await world.execution(runs[-1])).end_date == at(60)
