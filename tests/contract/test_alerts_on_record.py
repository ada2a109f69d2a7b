"""What is on record of what people were told, how it is read, and when it goes."""

from datetime import timedelta

import pytest

from tests.contract.telling import HOURLY, MINUTE, TIMELY, active
from tests.contract.world import NOON, World, at, succeeded
from watcher.domain.alert_channels import Severity
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.alerts import AlertFilter
from watcher.domain.page import Page
from watcher.domain.span import Datepart


async def test_an_alert_has_the_facts(world: World) -> None:
    telling = await active(world)
    identity = await world.pipeline(**HOURLY)
    await telling.check(61 * MINUTE)
    await telling.sent(61 * MINUTE)
    await world.pipelines.change(identity, {"name": "purchases"}, NOON)
    (alert,) = await telling.alerts()
    (spell,) = await world.all_stale_spells()
    (message,) = {message.id for _, message in telling.notifier.arrived}
    assert (alert.kind, alert.spell_id, alert.severity) == (AlertKind.FRESHNESS, spell.id, Severity.WARNING)
    assert (alert.pipeline_id, alert.pipeline_name) == (identity, "purchases")
    assert (alert.opened_at, alert.ended_at) == (spell.detected_at, None)
    assert alert.sentence == "purchases never wrote to its target; it was to by 2026-03-01 13:00 UTC."
    assert (alert.opening_message_id, alert.ending_message_ids) == (message, [])
    assert (alert.opening_delivered_at, alert.ending_delivered_at) == (at(61 * MINUTE), None)


async def test_alerts_are_read_in_pages_and_by_filters(world: World) -> None:
    telling = await active(world)
    first = await world.pipeline("first", **HOURLY)
    await world.pipeline("second", **HOURLY)
    await world.start(await world.pipeline("third", **TIMELY))
    await telling.check(61 * MINUTE)
    await telling.wrote(first, 62 * MINUTE)
    await telling.sent()
    await telling.check(63 * MINUTE)
    await telling.sent()

    async def found(kind: AlertKind | None = None, open: bool | None = None) -> list[str | None]:
        return [alert.pipeline_name for alert in await telling.alerts(AlertFilter(kind=kind, open=open))]

    assert await found() == ["third", "second", "first"]
    assert await found(open=True) == ["third", "second"]
    assert await found(open=False) == ["first"]
    assert await found(AlertKind.FRESHNESS) == ["second", "first"]
    assert await found(AlertKind.FRESHNESS, open=True) == ["second"]
    assert await found(AlertKind.TIMELINESS, open=False) == []
    newest = await world.watcher.alerts.page(AlertFilter(), Page(limit=2))
    assert newest.more
    rest = await world.watcher.alerts.page(AlertFilter(), Page(limit=2, after=newest.items[-1].id))
    assert [alert.pipeline_name for alert in rest.items] == ["first"]
    assert not rest.more


@pytest.mark.parametrize("batch_size", [1, 10_000])
async def test_alerts_and_messages_are_forgotten_in_time(world: World, batch_size: int) -> None:
    telling = await active(world)
    over = await world.pipeline("over", **HOURLY)
    await telling.check(61 * MINUTE)
    await telling.sent()
    await telling.wrote(over, 62 * MINUTE)
    await telling.check(63 * MINUTE)
    await telling.sent()
    await world.pipeline("lasting", freshness_number=1, freshness_datepart=Datepart.MINUTE)
    await telling.check(65 * MINUTE)
    await telling.sent()
    assert len(await telling.deliveries()) == 3
    world.clock.instant = NOON + timedelta(days=91)
    expected = await world.watcher.clean_up(90, batch_size, dry_run=True)
    assert (expected.total_alerts_deleted, expected.total_alert_messages_deleted) == (1, 2)
    assert await world.watcher.clean_up(90, batch_size) == expected
    assert [alert.pipeline_name for alert in await telling.alerts()] == ["lasting"]
    (delivery,) = await telling.deliveries()
    assert delivery.title == "lasting is stale"
    gone = await world.watcher.clean_up(90, batch_size)
    assert (gone.total_alerts_deleted, gone.total_alert_messages_deleted) == (0, 0)


async def test_a_spell_that_is_on_record_no_more_is_over(world: World) -> None:
    telling = await active(world)
    run = await world.start(await world.pipeline(**TIMELY))
    await telling.check(31 * MINUTE)
    await telling.sent()
    await world.end(run, succeeded(40 * MINUTE))
    world.clock.instant = NOON + timedelta(days=91)
    assert (await world.watcher.clean_up(90)).total_timeliness_pipeline_execution_logs_deleted == 1
    await telling.sent()
    (alert,) = await telling.alerts()
    assert alert.ended_at == NOON + timedelta(days=91)
