"""Consecutive flagged runs of one rule are one incident, in whatever order they are judged."""

from itertools import pairwise

import pytest

from tests.contract.test_anomalies import DAY, ROWS, history, judge, watched
from tests.contract.world import World, at
from watcher.domain.anomaly import MetricField
from watcher.domain.anomaly_incident import AnomalyIncident, IncidentEnding
from watcher.domain.jobs import Job

GOOD, EMPTY = 1_000, 0


async def days(world: World, pipeline_id: int, first: int, *sizes: int, together: bool = False) -> list[int]:
    """The ids of runs on consecutive days, each judged on its day unless all are judged together, on the last one."""
    runs = []
    for day, size in enumerate(sizes, start=first):
        runs.append(await world.ran(pipeline_id, day * DAY, total_rows=size))
        world.clock.instant = max(world.clock.instant, at(day * DAY))
        if not together:
            await judge(world)
    await judge(world)
    return runs


def facts(incident: AnomalyIncident) -> tuple[int, int, int, IncidentEnding | None]:
    return incident.first_execution_id, incident.last_execution_id, incident.runs, incident.ending


@pytest.mark.parametrize("together", [True, False])
async def test_an_incident_opens_with_a_flagged_run_and_ends_with_a_normal_one(
    world: World, *, together: bool
) -> None:
    pipeline_id = await watched(world)
    runs = await days(world, pipeline_id, 0, GOOD, EMPTY, EMPTY, GOOD, EMPTY, together=together)
    first, second = await world.incidents()
    assert facts(first) == (runs[1], runs[2], 2, IncidentEnding.RECOVERED)
    assert facts(second) == (runs[4], runs[4], 1, None)
    (opening,) = await world.verdicts(run=runs[1])
    assert (first.sentence, first.rule_id, first.metric_field) == (opening.sentence, opening.rule_id, ROWS)
    judged_on = (4, 4) if together else (1, 3)
    assert (first.opened_at, first.ended_at) == tuple(at(day * DAY) for day in judged_on)
    assert await world.incidents(open=True) == [second]
    assert await world.incidents(open=False) == [first]


async def test_judging_says_what_it_opened_and_what_it_ended(world: World) -> None:
    pipeline_id = await watched(world)
    results = world.watcher.anomaly_results
    await world.ran(pipeline_id, 0, total_rows=EMPTY)
    judged = await results.judge(10, world.clock.now())
    assert (judged.taken, judged.opened, judged.ended) == (1, await world.incidents(), [])
    await world.ran(pipeline_id, DAY, total_rows=EMPTY)
    judged = await results.judge(10, world.clock.now())
    assert (judged.taken, judged.opened, judged.ended) == (1, [], [])
    await world.ran(pipeline_id, 2 * DAY, total_rows=GOOD)
    judged = await results.judge(10, world.clock.now())
    assert (judged.taken, judged.opened, judged.ended) == (1, [], await world.incidents())
    assert (await results.judge(10, world.clock.now())).taken == 0


async def test_rules_have_incidents_of_their_own(world: World) -> None:
    pipeline_id = await world.pipeline()
    await history(world, pipeline_id, 30, total_rows=GOOD, inserts=GOOD)
    for metric in (ROWS, MetricField.INSERTS):
        await world.rule(pipeline_id, metric_field=metric)
    await world.ran(pipeline_id, 0, total_rows=EMPTY, inserts=EMPTY)
    await world.ran(pipeline_id, DAY, total_rows=EMPTY, inserts=GOOD)
    await judge(world)
    found = {each.metric_field: (each.runs, each.ending) for each in await world.incidents()}
    assert found == {ROWS: (2, None), MetricField.INSERTS: (1, IncidentEnding.RECOVERED)}


async def test_a_flagged_run_within_the_open_incident_that_is_judged_late_adds_to_it(world: World) -> None:
    pipeline_id = await watched(world)
    first, last = await days(world, pipeline_id, 0, EMPTY, EMPTY)
    await world.ran(pipeline_id, DAY - 60, total_rows=EMPTY)
    await judge(world)
    assert [facts(each) for each in await world.incidents()] == [(first, last, 3, None)]


async def test_a_normal_run_that_is_judged_late_ends_nothing(world: World) -> None:
    pipeline_id = await watched(world)
    first, last = await days(world, pipeline_id, 0, EMPTY, EMPTY)
    await world.ran(pipeline_id, DAY - 60, total_rows=GOOD)
    await judge(world)
    assert [facts(each) for each in await world.incidents()] == [(first, last, 2, None)]


async def test_a_flagged_run_judged_late_between_normal_ones_is_an_incident_that_never_lasted(
    world: World,
) -> None:
    pipeline_id = await watched(world)
    _, run = await days(world, pipeline_id, 2, GOOD, EMPTY)
    late = await world.ran(pipeline_id, DAY, total_rows=EMPTY)
    judged = await world.watcher.anomaly_results.judge(10, world.clock.now())
    lasting, news = await world.incidents()
    assert facts(lasting) == (run, run, 1, None)
    assert facts(news) == (late, late, 1, IncidentEnding.OVERTAKEN)
    assert (judged.opened, judged.ended) == ([news], [news])


@pytest.mark.parametrize("over", [True, False])
async def test_a_flagged_run_judged_late_beside_an_incident_adds_to_it(world: World, *, over: bool) -> None:
    pipeline_id = await watched(world)
    (run,) = await days(world, pipeline_id, 2, EMPTY)
    if over:
        await days(world, pipeline_id, 4, GOOD)
    ending = IncidentEnding.RECOVERED if over else None
    (after,) = await days(world, pipeline_id, 3, EMPTY)
    assert [facts(each) for each in await world.incidents()] == [(run, after, 2, ending)]
    before = await world.ran(pipeline_id, DAY, total_rows=EMPTY)
    judged = await world.watcher.anomaly_results.judge(10, world.clock.now())
    (incident,) = await world.incidents()
    assert facts(incident) == (before, after, 3, ending)
    assert incident.first_start == at(DAY)
    (opening,) = await world.verdicts(run=before)
    assert incident.sentence == opening.sentence
    assert (judged.taken, judged.opened, judged.ended) == (1, [], [])


async def test_a_flagged_run_judged_late_within_an_incident_that_is_over_adds_to_it(world: World) -> None:
    pipeline_id = await watched(world)
    first, last, _ = await days(world, pipeline_id, 0, EMPTY, EMPTY, GOOD)
    for second, size in [(-60, GOOD), (-30, GOOD), (-45, EMPTY)]:
        await world.ran(pipeline_id, DAY + second, total_rows=size)
        await judge(world)
    assert [facts(each) for each in await world.incidents()] == [(first, last, 3, IncidentEnding.RECOVERED)]


async def test_a_run_beside_one_that_was_unflagged_is_an_incident_of_its_own(world: World) -> None:
    pipeline_id = await watched(world)
    run, _ = await days(world, pipeline_id, 2, EMPTY, GOOD)
    await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS])
    late = await world.ran(pipeline_id, DAY, total_rows=EMPTY)
    await judge(world)
    assert [facts(each) for each in await world.incidents()] == [
        (run, run, 0, IncidentEnding.RECOVERED),
        (late, late, 1, IncidentEnding.OVERTAKEN),
    ]


SPELLS = (GOOD, EMPTY, EMPTY, GOOD, EMPTY, GOOD, GOOD, EMPTY, EMPTY)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", ["876543210", "048261537", "506172834", "812345670", "135702468"])
async def test_a_spell_is_one_incident_in_whatever_order_its_runs_are_judged(
    world: World, order: str, *, together: bool
) -> None:
    """Normal runs that come late split none: there may be fewer incidents than spells, never more."""
    pipeline_id = await watched(world)
    world.clock.instant = at(len(SPELLS) * DAY)
    for turn, day in enumerate(map(int, order), start=1):
        await world.ran(pipeline_id, day * DAY, total_rows=SPELLS[day])
        if not together or turn % 3 == 0:
            await judge(world)
    assert len(await world.verdicts(flagged=True)) == 5
    found = sorted(await world.incidents(), key=lambda each: each.first_start)
    assert all(one.last_start < other.first_start for one, other in pairwise(found))
    spells = [(at(DAY), at(2 * DAY)), (at(4 * DAY), at(4 * DAY)), (at(7 * DAY), at(8 * DAY))]
    for begin, end in spells:
        assert len([each for each in found if each.first_start <= begin and end <= each.last_start]) == 1
    assert sum(each.runs for each in found) == 5


async def test_an_incident_ends_when_everything_in_it_is_unflagged(world: World) -> None:
    pipeline_id = await watched(world)
    first, last = await days(world, pipeline_id, 0, EMPTY, EMPTY)
    await world.watcher.unflag_anomaly(pipeline_id, first, [ROWS])
    assert [facts(each) for each in await world.incidents()] == [(first, last, 1, None)]
    await world.watcher.unflag_anomaly(pipeline_id, last, [ROWS])
    (incident,) = await world.incidents()
    assert facts(incident) == (first, last, 0, IncidentEnding.UNFLAGGED)
    assert incident.ended_at == world.clock.now()


async def test_unflagging_what_is_over_changes_only_the_count(world: World) -> None:
    pipeline_id = await watched(world)
    run, _ = await days(world, pipeline_id, 0, EMPTY, GOOD)
    await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS])
    assert [facts(each) for each in await world.incidents()] == [(run, run, 0, IncidentEnding.RECOVERED)]


@pytest.mark.parametrize("declared", [True, False])
async def test_an_incident_ends_with_its_rule(world: World, *, declared: bool) -> None:
    pipeline_id = await watched(world)
    (run,) = await days(world, pipeline_id, 0, EMPTY)
    rule = (await world.verdicts())[0].rule_id
    if declared:
        await world.rule(pipeline_id, active=False)
    else:
        await world.watcher.change_anomaly_rule(rule, {"active": False})
    assert [facts(each) for each in await world.incidents()] == [(run, run, 1, IncidentEnding.DEACTIVATED)]
    await world.watcher.change_anomaly_rule(rule, {"active": True})
    (again,) = await days(world, pipeline_id, 1, EMPTY)
    assert facts((await world.incidents(open=True))[0]) == (again, again, 1, None)


async def test_learning_neither_opens_nor_ends_anything(world: World) -> None:
    pipeline_id = await watched(world)
    await days(world, pipeline_id, 0, EMPTY)
    (rule,) = {row.rule_id for row in await world.verdicts()}
    await world.watcher.change_anomaly_rule(rule, {"minimum_executions": 1_000})
    await days(world, pipeline_id, 1, GOOD, EMPTY)
    assert [each.ending for each in await world.incidents()] == [None]


async def test_a_run_of_next_year_makes_no_later_anomaly_late(world: World) -> None:
    pipeline_id = await watched(world)
    await world.ran(pipeline_id, 365 * DAY, total_rows=GOOD)
    await judge(world)
    runs = await days(world, pipeline_id, 0, EMPTY, GOOD, EMPTY)
    assert [facts(each) for each in await world.incidents()] == [
        (runs[0], runs[0], 1, IncidentEnding.RECOVERED),
        (runs[2], runs[2], 1, None),
    ]


async def test_an_incident_of_a_run_of_next_year_goes_on_and_ends_today(world: World) -> None:
    pipeline_id = await watched(world)
    ahead = await world.ran(pipeline_id, 365 * DAY, total_rows=EMPTY)
    await judge(world)
    await days(world, pipeline_id, 0, EMPTY)
    assert [facts(each) for each in await world.incidents()] == [(ahead, ahead, 2, None)]
    await days(world, pipeline_id, 1, GOOD)
    assert [facts(each) for each in await world.incidents()] == [(ahead, ahead, 2, IncidentEnding.RECOVERED)]


async def test_a_run_that_was_only_learnt_from_makes_no_other_late(world: World) -> None:
    pipeline_id = await watched(world)
    rule = await world.rule(pipeline_id, minimum_executions=1_000)
    await days(world, pipeline_id, 2, GOOD)
    await world.watcher.change_anomaly_rule(rule, {"minimum_executions": 5})
    run = await world.ran(pipeline_id, DAY, total_rows=EMPTY)
    await judge(world)
    assert [facts(each) for each in await world.incidents()] == [(run, run, 1, None)]


async def test_incidents_end_with_their_pipelines(world: World) -> None:
    pipeline_id = await watched(world)
    (run,) = await days(world, pipeline_id, 0, EMPTY)
    other = await world.pipeline("customers")
    await history(world, other)
    await world.rule(other)
    (kept,) = await days(world, other, 0, EMPTY)
    await world.pipelines.change(pipeline_id, {"active": False}, world.clock.now())
    world.clock.instant = at(60)
    world.jobs.announced.clear()
    assert await judge(world) == 0
    assert world.jobs.announced == [(Job.SEND_ALERTS, {})]
    over, lasting = await world.incidents()
    assert (facts(over), over.ended_at) == ((run, run, 1, IncidentEnding.INACTIVE), at(60))
    assert facts(lasting) == (kept, kept, 1, None)
    await judge(world)
    assert world.jobs.announced == [(Job.SEND_ALERTS, {})]
    await world.pipelines.change(pipeline_id, {"active": True}, world.clock.now())
    (again,) = await days(world, pipeline_id, 1, EMPTY)
    assert [facts(each) for each in await world.incidents(open=True)] == [
        (kept, kept, 1, None),
        (again, again, 1, None),
    ]
