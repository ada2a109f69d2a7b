"""What people are told of runs that look wrong: each incident once, in its own words, and how it ended."""

from tests.contract.telling import ALL, DAY, MINUTE, OPS, PAGER, Telling, active
from tests.contract.test_anomalies import ROWS, history, judge, watched
from tests.contract.test_anomaly_incidents import EMPTY, GOOD, days
from tests.contract.world import World, at
from watcher.domain.alert_channels import Severity
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.alerts import AlertFilter
from watcher.domain.anomaly import MetricField

WRONG = ("ops", "total_rows of orders looks wrong")
OVER = ("ops", "An anomaly of orders is over")


async def wrong(world: World, telling: Telling) -> tuple[int, int]:
    """A pipeline and its empty run at noon, of which people were told a minute later."""
    pipeline_id = await watched(world)
    world.clock.instant = at(MINUTE)
    (run,) = await days(world, pipeline_id, 0, EMPTY)
    assert await telling.told() == [WRONG]
    return pipeline_id, run


async def test_an_incident_is_told_once_in_the_words_of_the_run_that_opened_it(world: World) -> None:
    telling = await active(world)
    pipeline_id, run = await wrong(world, telling)
    (incident,) = await world.incidents()
    assert incident.sentence == "0 rows; 770 to 1,300 expected, from the last 27 runs"
    line = f"total_rows of orders looks wrong in run {run}, begun 2026-03-01 12:00 UTC: {incident.sentence}."
    assert telling.last_text() == f"- {line}"
    assert await telling.told() == []
    await days(world, pipeline_id, 1, EMPTY)
    assert await telling.told(DAY + MINUTE) == []
    (alert,) = await telling.alerts()
    assert (alert.kind, alert.spell_id, alert.severity) == (
        AlertKind.ANOMALY, incident.id, Severity.WARNING,
    )  # fmt: skip
    assert (alert.pipeline_id, alert.opened_at, alert.ended_at) == (pipeline_id, incident.opened_at, None)
    assert alert.sentence == line


async def test_the_recovery_says_how_long_it_was_and_how_many_runs_were_flagged(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    pipeline_id, run = await wrong(world, telling)
    await days(world, pipeline_id, 1, EMPTY, EMPTY)
    world.clock.instant = at(3 * DAY + MINUTE)
    await days(world, pipeline_id, 3, GOOD)
    assert await telling.told() == [OVER]
    assert telling.last_text() == (
        f"- total_rows of orders, flagged in 3 runs since run {run}, looks right again, after 3 days."
    )
    assert await telling.told() == []


async def test_what_one_pass_finds_is_one_message(world: World) -> None:
    telling = await active(world)
    pipeline_id = await world.pipeline()
    await history(world, pipeline_id, 30, total_rows=GOOD, inserts=GOOD)
    for metric in (ROWS, MetricField.INSERTS):
        await world.rule(pipeline_id, metric_field=metric)
    await world.ran(pipeline_id, 0, total_rows=EMPTY, inserts=EMPTY)
    await judge(world)
    assert await telling.told(MINUTE) == [("ops", "2 anomalies")]
    assert [line.split()[1] for line in telling.last_text().splitlines()] == ["total_rows", "inserts"]
    await world.ran(pipeline_id, DAY, total_rows=GOOD, inserts=GOOD)
    await judge(world)
    assert await telling.told(DAY) == [("ops", "2 anomalies are over")]


async def test_somebody_who_unflagged_it_ended_it(world: World) -> None:
    telling = await active(world)
    pipeline_id, run = await wrong(world, telling)
    world.clock.instant = at(41 * MINUTE)
    await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS])
    assert await telling.told() == [OVER]
    assert telling.last_text() == (
        f"- somebody unflagged total_rows of orders, flagged since run {run}, after 40 minutes."
    )
    assert await telling.told() == []


async def test_unflagging_one_run_of_two_ends_nothing(world: World) -> None:
    telling = await active(world)
    pipeline_id, run = await wrong(world, telling)
    await days(world, pipeline_id, 1, EMPTY)
    await world.watcher.unflag_anomaly(pipeline_id, run, [ROWS])
    assert await telling.told(DAY + MINUTE) == []
    await days(world, pipeline_id, 2, GOOD)
    assert await telling.told(2 * DAY) == [OVER]
    assert telling.last_text().startswith(f"- total_rows of orders, flagged in 1 run since run {run}, looks")


async def test_a_rule_that_is_switched_off_ends_it_without_calling_it_right(world: World) -> None:
    telling = await active(world)
    pipeline_id, run = await wrong(world, telling)
    world.clock.instant = at(6 * MINUTE)
    await world.rule(pipeline_id, active=False)
    assert await telling.told() == [OVER]
    assert telling.last_text() == (
        f"- total_rows of orders, flagged in 1 run since run {run}, is no longer watched, after 5 minutes."
    )


async def test_a_pipeline_that_is_inactive_now_ends_it_without_calling_it_right(world: World) -> None:
    telling = await active(world)
    pipeline_id, run = await wrong(world, telling)
    world.clock.instant = at(6 * MINUTE)
    await world.pipelines.change(pipeline_id, {"active": False}, world.clock.now())
    await judge(world)
    assert await telling.told() == [OVER]
    assert telling.last_text() == (
        f"- total_rows of orders was flagged in 1 run since run {run}; the pipeline is no longer active, after 5 minutes."
    )
    assert await telling.told() == []


async def test_a_run_that_was_judged_late_is_news_and_nothing_more(world: World) -> None:
    telling = await active(world, OPS, ALL)
    pipeline_id = await watched(world)
    await days(world, pipeline_id, 2, GOOD)
    late = await world.ran(pipeline_id, DAY, total_rows=EMPTY)
    await judge(world)
    assert await telling.told(MINUTE) == [("all", WRONG[1])]
    assert telling.last_text().endswith(
        f". It is over: run {late} of orders was judged late, when a later one had been judged."
    )
    assert await telling.told(2 * MINUTE) == []
    assert {alert.severity for alert in await telling.alerts()} == {Severity.INFO}


async def test_a_recovery_is_told_only_where_the_anomaly_was_delivered(world: World) -> None:
    telling = await active(world, OPS, ALL)
    pipeline_id = await watched(world)
    telling.notifier.down["ops"] = "it answered HTTP 500"
    await days(world, pipeline_id, 0, EMPTY)
    assert await telling.told(MINUTE) == [("all", WRONG[1])]
    await days(world, pipeline_id, 1, GOOD)
    assert await telling.told(2 * MINUTE) == [("all", OVER[1])]
    del telling.notifier.down["ops"]
    assert await telling.told(10 * MINUTE) == [WRONG]
    assert await telling.told(11 * MINUTE) == [OVER]


async def test_of_incidents_older_than_alerting_only_what_lasts_is_told(world: World) -> None:
    pipeline_id = await watched(world)
    runs = await days(world, pipeline_id, 0, EMPTY, GOOD, EMPTY)
    telling = Telling.to(world, ALL)
    assert await telling.told(MINUTE) == [("all", WRONG[1])]
    assert [alert.sentence.split()[7] for alert in await telling.alerts()] == [f"{runs[2]},"]


async def test_an_incident_that_was_cleaned_up_is_over_and_nothing_is_claimed_of_it(world: World) -> None:
    telling = await active(world)
    await wrong(world, telling)
    world.clock.instant = at(100 * DAY)
    await world.watcher.clean_up(90)
    assert await world.incidents() == []
    assert await telling.told() == [OVER]
    assert telling.last_text().startswith("- total_rows of orders is no longer on record as wrong, after ")
    assert [alert.ended_at for alert in await telling.alerts(AlertFilter(kind=AlertKind.ANOMALY))] == [
        at(100 * DAY)
    ]
