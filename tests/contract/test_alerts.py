"""What people are told: each spell once, many in one message, and its end where its beginning was delivered."""

from asyncio import gather

import pytest

from tests.contract.telling import ALL, BOTH, DAY, HOUR, HOURLY, MINUTE, OPS, PAGER, TIMELY, Telling, active
from tests.contract.world import World, at, failed
from watcher.domain.alert_channels import Severity
from watcher.domain.alerts import RECENT
from watcher.domain.deliveries import DeliveryState, Sent
from watcher.domain.jobs import Job


async def test_a_check_that_finds_something_announces_that_it_is_to_be_told(world: World) -> None:
    telling = await active(world)
    identity = await world.pipeline(**BOTH)
    await telling.check(MINUTE)
    assert world.jobs.announced == []
    await world.start(identity, MINUTE)
    await telling.check(61 * MINUTE)
    await telling.check(62 * MINUTE)
    assert world.jobs.announced == [(Job.SEND_ALERTS, {})] * 2
    await telling.wrote(identity, 63 * MINUTE)
    await telling.check(64 * MINUTE)
    assert len(world.jobs.announced) == 3


async def test_a_stale_pipeline_is_told_once_and_told_again_when_it_is_over(world: World) -> None:
    telling = await active(world)
    identity = await world.pipeline(**HOURLY)
    await telling.wrote(identity, 0)
    await telling.check(61 * MINUTE)
    assert await telling.told() == [("ops", "orders is stale")]
    assert telling.last_text() == (
        "- orders has not changed its target since 2026-03-01 12:00 UTC; allowed: 1 hour."
    )
    await telling.check(62 * MINUTE)
    assert await telling.told() == []
    await telling.wrote(identity, 120 * MINUTE)
    await telling.check(179 * MINUTE)
    assert await telling.told() == [("ops", "orders is no longer stale")]
    assert telling.last_text() == "- orders is fresh again, after 1 hour 58 minutes."
    assert await telling.told() == []


async def test_a_late_run_is_told_while_it_runs_and_when_it_has_ended(world: World) -> None:
    telling = await active(world)
    run = await world.start(await world.pipeline(**TIMELY))
    await telling.check(31 * MINUTE)
    assert await telling.told() == [("ops", "A run of orders is late")]
    assert telling.last_text() == (
        f"- run {run} of orders, begun 2026-03-01 12:00 UTC, was to end by 2026-03-01 12:30 UTC; "
        "allowed: 30 minutes."
    )
    await world.end(run, failed(45 * MINUTE))
    await telling.check(46 * MINUTE)
    assert await telling.told() == [("ops", "A late run of orders is over")]
    assert telling.last_text() == f"- run {run} of orders failed, after 15 minutes."


async def test_an_end_that_is_reported_days_later_is_told_with_its_true_time(world: World) -> None:
    telling = await active(world)
    run = await world.start(await world.pipeline(**TIMELY))
    await telling.check(31 * MINUTE)
    assert await telling.told() == [("ops", "A run of orders is late")]
    await world.end(run, failed(45 * MINUTE))
    await telling.check(2 * DAY)
    assert await telling.told() == [("ops", "A late run of orders is over")]
    assert telling.last_text() == f"- run {run} of orders failed, after 15 minutes."
    assert await telling.told(2 * DAY + MINUTE) == []


@pytest.mark.parametrize("minutes", [10, 30])
async def test_a_run_told_as_late_may_have_ended_in_time_after_all(world: World, minutes: int) -> None:
    telling = await active(world)
    run = await world.start(await world.pipeline(**TIMELY))
    await telling.check(31 * MINUTE)
    assert await telling.told() == [("ops", "A run of orders is late")]
    await world.end(run, failed(minutes * MINUTE))
    await telling.check(40 * MINUTE)
    assert await telling.told() == [("ops", "A late run of orders is over")]
    assert telling.last_text() == f"- run {run} of orders failed; it ended in time after all."


async def test_two_hundred_stale_pipelines_are_one_message(world: World) -> None:
    telling = await active(world)
    identities = [await world.pipeline(f"pipeline {number:03}", **HOURLY) for number in range(200)]
    await telling.check(61 * MINUTE)
    assert await telling.told() == [("ops", "200 pipelines are stale")]
    lines = telling.last_text().splitlines()
    assert len(lines) == 21
    assert lines[0] == "- pipeline 000 never wrote to its target; it was to by 2026-03-01 13:00 UTC."
    assert lines[-1] == "and 180 more"
    for identity in identities[:150]:
        await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    assert await telling.told() == [("ops", "150 pipelines are no longer stale")]
    assert telling.last_text().splitlines()[-1] == "and 130 more"


async def test_severities_are_routed_to_the_channels_that_want_them(world: World) -> None:
    telling = await active(world, OPS, ALL, PAGER)
    await world.pipeline(**HOURLY)
    await telling.check(61 * MINUTE)
    assert sorted(await telling.told()) == [("all", "orders is stale"), ("ops", "orders is stale")]


async def test_what_was_over_when_it_was_first_seen_is_one_line_of_news(world: World) -> None:
    telling = await active(world, OPS, ALL)
    identity = await world.pipeline(**BOTH)
    run = await world.start(identity)
    await world.end(run, failed(40 * MINUTE))
    await telling.check(41 * MINUTE)
    await telling.check(61 * MINUTE)
    await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    assert await telling.told() == [("all", "orders is stale"), ("all", "A run of orders is late")]
    assert telling.last_text().endswith(f". It is over: run {run} of orders failed, after 10 minutes.")
    assert await telling.told(70 * MINUTE) == []
    assert {alert.severity for alert in await telling.alerts()} == {Severity.INFO}


async def test_a_clock_that_was_ahead_when_alerting_began_hides_nothing(world: World) -> None:
    telling = Telling.to(world, ALL)
    await telling.sent(DAY)
    assert await telling.told(0) == []
    identity = await world.pipeline(**HOURLY)
    await telling.check(61 * MINUTE)
    await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    assert await telling.told() == [("all", "orders is stale")]


async def test_of_what_is_older_than_alerting_only_what_lasts_is_told(world: World) -> None:
    over, lasting = await world.pipeline("over", **HOURLY), await world.pipeline("lasting", **HOURLY)
    telling = Telling.to(world, ALL)
    await telling.check(61 * MINUTE)
    await telling.wrote(over, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    assert await telling.told(64 * MINUTE) == [("all", "lasting is stale")]
    assert [alert.pipeline_id for alert in await telling.alerts()] == [lasting]
    assert await telling.told(65 * MINUTE) == []


async def test_what_was_missed_for_long_is_told_only_if_it_lasts(world: World) -> None:
    telling = await active(world, ALL)
    over, lasting = await world.pipeline("over", **HOURLY), await world.pipeline("lasting", **HOURLY)
    await telling.wrote(lasting, 0)
    await telling.check(61 * MINUTE)
    await telling.wrote(over, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    assert await telling.told(2 * DAY) == [("all", "lasting is stale")]


async def test_what_ended_unseen_long_after_it_was_found_is_not_told(world: World) -> None:
    telling = await active(world, ALL)
    identity = await world.pipeline(**HOURLY)
    await telling.check(61 * MINUTE)
    await telling.wrote(identity, 30 * HOUR)
    await telling.check(30 * HOUR + MINUTE)
    assert await telling.told(30 * HOUR + 2 * MINUTE) == []


async def test_without_a_channel_nothing_is_done_and_nothing_begins(world: World) -> None:
    identity = await world.pipeline(**HOURLY)
    telling = Telling.to(world)
    await telling.check(61 * MINUTE)
    assert await telling.sent() == Sent()
    assert await telling.alerts() == []
    await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    telling = Telling.to(world, ALL)
    assert await telling.told(64 * MINUTE) == []


async def test_an_end_is_told_only_where_the_beginning_was_delivered(world: World) -> None:
    telling = await active(world, OPS, ALL)
    identity = await world.pipeline(**HOURLY)
    telling.notifier.down["ops"] = "it answered HTTP 500"
    await telling.check(61 * MINUTE)
    assert await telling.told() == [("all", "orders is stale")]
    await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    assert await telling.told(63 * MINUTE) == [("all", "orders is no longer stale")]
    del telling.notifier.down["ops"]
    assert await telling.told(70 * MINUTE) == [("ops", "orders is stale")]
    assert await telling.told(71 * MINUTE) == [("ops", "orders is no longer stale")]
    assert await telling.told(72 * MINUTE) == []
    (alert,) = await telling.alerts()
    assert len(alert.ending_message_ids) == 2
    assert alert.opening_delivered_at == at(61 * MINUTE)
    assert alert.ending_delivered_at == at(63 * MINUTE)


async def test_an_end_is_not_told_where_the_beginning_was_given_up(world: World) -> None:
    telling = await active(world)
    identity = await world.pipeline(**HOURLY)
    telling.notifier.down["ops"] = "the connection was refused"
    await telling.check(61 * MINUTE)
    await telling.sent()
    await telling.wrote(identity, 25 * HOUR)
    await telling.check(25 * HOUR + MINUTE)
    await telling.sent(61 * MINUTE + RECENT.total_seconds())
    (delivery,) = await telling.deliveries()
    assert (delivery.state, delivery.last_error) == (DeliveryState.ABANDONED, "the connection was refused")
    telling.notifier.down.clear()
    assert await telling.told(26 * HOUR) == []


async def test_an_end_that_could_not_be_told_for_a_day_is_not_told(world: World) -> None:
    telling = await active(world)
    identity = await world.pipeline(**HOURLY)
    await telling.check(61 * MINUTE)
    await telling.sent()
    await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    telling.notifier.channels = (PAGER,)
    assert await telling.told(64 * MINUTE) == []
    telling.notifier.channels = (OPS,)
    assert await telling.told(64 * MINUTE + RECENT.total_seconds() + 1) == []


async def test_an_end_that_could_not_be_told_for_a_day_less_a_minute_is_told(world: World) -> None:
    telling = await active(world)
    identity = await world.pipeline(**HOURLY)
    await telling.check(61 * MINUTE)
    await telling.sent()
    await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    telling.notifier.channels = (PAGER,)
    assert await telling.told(64 * MINUTE) == []
    telling.notifier.channels = (OPS,)
    assert await telling.told(63 * MINUTE + RECENT.total_seconds()) == [("ops", "orders is no longer stale")]


async def test_many_passes_at_once_tell_each_spell_once(world: World) -> None:
    telling = await active(world, OPS, ALL)
    identities = [await world.pipeline(f"pipeline {number}", **HOURLY) for number in range(5)]
    await telling.check(61 * MINUTE)
    await gather(*(telling.sent() for _ in range(4)))
    assert sorted(channel for channel, _ in telling.notifier.arrived) == ["all", "ops"]
    for identity in identities:
        await telling.wrote(identity, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    await gather(*(telling.sent() for _ in range(4)))
    assert sorted(channel for channel, _ in telling.notifier.arrived) == ["all", "all", "ops", "ops"]
