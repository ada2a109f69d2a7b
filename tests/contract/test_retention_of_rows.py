"""What goes row by row, once it ended long ago: spells, and keys."""

from datetime import timedelta

import pytest

from tests.contract.telling import DAY, HOURLY, Telling, active
from tests.contract.world import NOON, World, at
from watcher.domain.alerts import AlertFilter
from watcher.domain.callers import Scope
from watcher.domain.error_rates import Rate, Source
from watcher.domain.queues import QueueState
from watcher.domain.retention import Aged, Forgotten
from watcher.domain.span import Datepart

WINDOW = timedelta(minutes=5)


async def test_spells_of_stale_data_are_forgotten_once_they_ended_long_ago(world: World) -> None:
    for name in ("a", "b", "c"):
        await world.pipeline(name, freshness_number=1, freshness_datepart=Datepart.DAY)
    await spell_by_spell(world, "a", "b")
    expected = Forgotten(total_freshness_pipeline_logs_deleted=2)
    world.clock.instant += timedelta(days=90)
    assert await world.watcher.clean_up(90) == Forgotten()
    world.clock.instant += timedelta(seconds=1)
    assert await world.watcher.clean_up(90, 1, dry_run=True) == expected
    assert await world.watcher.clean_up(90, 1) == expected
    assert [spell.pipeline_name for spell in await world.all_stale_spells()] == ["c"]


async def spell_by_spell(world: World, *recovered: str) -> None:
    """Two days later all are stale, and these not any more."""
    world.clock.instant += timedelta(days=2)
    await world.watcher.check_freshness()
    for name in recovered:
        await world.pipelines.change(name, {"mute_freshness_check": True}, world.clock.now())
    await world.watcher.check_freshness()


async def test_spells_of_full_queues_are_forgotten_once_they_ended_long_ago(world: World) -> None:
    queue_spells = world.container.queue_spells()
    for state in (QueueState.WARNING, QueueState.CRITICAL, QueueState.OK, QueueState.WARNING):
        world.clock.instant += timedelta(hours=1)
        await queue_spells.record(state, 60, world.clock.now())
    expected = Forgotten(total_queue_spells_deleted=2)
    world.clock.instant += timedelta(days=90) - timedelta(hours=2)
    assert await world.watcher.clean_up(90) == Forgotten()
    world.clock.instant += timedelta(hours=2)
    assert await world.watcher.clean_up(90, 1, dry_run=True) == expected
    assert await world.watcher.clean_up(90, 1) == expected
    world.clock.instant += timedelta(days=1)
    assert await world.watcher.clean_up(90) == Forgotten()
    checked = await queue_spells.record(QueueState.CRITICAL, 120, world.clock.now())
    assert checked.ended is not None
    assert checked.opened is not None
    assert (checked.ended.state, checked.ended.id < checked.opened.id) == (QueueState.WARNING, True)


async def test_times_of_too_many_failures_are_forgotten_once_they_ended_long_ago(world: World) -> None:
    rates = world.container.error_rates()
    for day in range(3):
        await rates.record({Source.REQUESTS: Rate(100, 20)}, [], WINDOW, at(day * DAY))
        await rates.record({}, [Source.REQUESTS], WINDOW, at(day * DAY + 60))
    await rates.record({Source.TASKS: Rate(100, 20)}, [], WINDOW, NOON)
    expected = Forgotten(total_error_spells_deleted=2)
    world.clock.instant = at(91 * DAY + 60)
    assert await world.watcher.clean_up(91) == Forgotten()
    world.clock.instant = at(91 * DAY + 61)
    assert await world.watcher.clean_up(90, 1, dry_run=True) == expected
    assert await world.watcher.clean_up(90, 1) == expected
    assert await world.watcher.clean_up(90) == Forgotten()
    lasting = await rates.record({Source.REQUESTS: Rate(1, 1)}, [Source.TASKS], WINDOW, world.clock.now())
    assert [(spell.source, spell.ended_at is None) for spell in lasting] == [
        (Source.TASKS, False),
        (Source.REQUESTS, True),
    ]
    assert lasting[0].id < lasting[1].id


async def test_no_more_goes_at_a_time_than_was_asked_for_and_the_oldest_first(world: World) -> None:
    rates = world.container.error_rates()
    for day in range(3):
        await rates.record({Source.REQUESTS: Rate(100, 20)}, [], WINDOW, at(day * DAY))
        await rates.record({}, [Source.REQUESTS], WINDOW, at(day * DAY + 60))
    retention = world.watcher.retention
    assert await retention.forget_rows(Aged.ERROR_SPELLS, at(3 * DAY), 2) == 2
    assert await retention.forgettable_rows(Aged.ERROR_SPELLS, at(2 * DAY)) == 0
    assert await retention.forget_rows(Aged.ERROR_SPELLS, at(3 * DAY), 2) == 1


async def piled_up(world: World, *, over: bool) -> None:
    state = QueueState.OK if over else QueueState.WARNING
    await world.container.queue_spells().record(state, 60, world.clock.now())


async def went_wrong(world: World, *, over: bool) -> None:
    opened = {} if over else {Source.REQUESTS: Rate(100, 20)}
    await world.container.error_rates().record(
        opened, [Source.REQUESTS] if over else [], WINDOW, world.clock.now()
    )


async def was_stale(world: World, *, over: bool) -> None:
    if over:
        await world.pipelines.change("orders", {"mute_freshness_check": True}, world.clock.now())
    else:
        await world.pipeline(**HOURLY)
        world.clock.instant += timedelta(hours=2)
    await world.watcher.check_freshness()


@pytest.mark.parametrize(
    ("kind", "happened"),
    [
        (Aged.QUEUE_SPELLS, piled_up),
        (Aged.ERROR_SPELLS, went_wrong),
        (Aged.FRESHNESS_PIPELINE_LOGS, was_stale),
    ],
)
async def test_what_is_over_is_kept_until_its_end_is_told(world: World, kind: Aged, happened: object) -> None:
    assert callable(happened)
    telling = await active(world)
    await happened(world, over=False)
    assert len(await telling.told()) == 1
    world.clock.instant += timedelta(hours=1)
    await happened(world, over=True)
    ended_at = world.clock.instant
    world.clock.instant += timedelta(days=91)
    for dry_run in (True, False):
        assert await world.watcher.clean_up(90, dry_run=dry_run) == Forgotten()
    assert len(await telling.told()) == 1
    assert [alert.ended_at for alert in await telling.alerts()] == [ended_at]
    await _all_gone(telling, kind)


async def _all_gone(telling: Telling, kind: Aged) -> None:
    """With the alert goes the message that it began with; that of its end is young."""
    found = await telling.world.watcher.clean_up(90)
    assert found == Forgotten(
        **{f"total_{kind}_deleted": 1}, total_alerts_deleted=1, total_alert_messages_deleted=1
    )
    assert await telling.alerts(AlertFilter()) == []


async def test_keys_are_forgotten_once_they_were_revoked_or_expired_long_ago(world: World) -> None:
    made = {}
    for name, days in (("revoked", None), ("expired", 1), ("both", 100), ("lasting", None), ("young", 80)):
        expires_at = None if days is None else at(days * DAY)
        made[name] = (await world.watcher.create_key(name, Scope.READ, expires_at)).key.id
    world.clock.instant = at(1 * DAY)
    await world.watcher.revoke_key(made["revoked"])
    await world.watcher.revoke_key(made["both"])
    world.clock.instant = at(91 * DAY)
    assert await world.watcher.clean_up(90) == Forgotten()
    world.clock.instant = at(91 * DAY + 0.001)
    expected = Forgotten(total_api_keys_deleted=3)
    assert await world.watcher.clean_up(90, 2, dry_run=True) == expected
    assert await world.watcher.clean_up(90, 2) == expected
    assert sorted(key.name for key in await world.watcher.keys.all()) == ["lasting", "young"]
    assert [key.id for key in await world.watcher.keys.usable(world.clock.now())] == [made["lasting"]]
    await world.watcher.keys.used({made["revoked"]: world.clock.now()})
    assert await world.watcher.clean_up(90) == Forgotten()
