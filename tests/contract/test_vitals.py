"""The signs of life in the store."""

from tests.contract.world import NOON, World, at
from watcher.domain.jobs import Job

MINUTE, DAY = 60, 86_400


async def test_a_store_without_work_shows_none(world: World) -> None:
    signs = await world.watcher.vitals.read(NOON)
    assert (signs.away, signs.outdated, signs.ticked_at, signs.swept_at) == (None, None, None, None)
    assert signs.revision is not None


async def test_the_last_tick_of_any_job_is_shown(world: World) -> None:
    ticks = world.container.ticks()
    await ticks.take(Job.CHECK_FRESHNESS, NOON, "one", NOON)
    await ticks.take(Job.MONITOR_QUEUES, at(MINUTE), "two", at(MINUTE))
    assert (await world.watcher.vitals.read(at(2 * MINUTE))).ticked_at == at(MINUTE)


async def test_a_tick_that_a_wrong_clock_took_is_not_believed(world: World) -> None:
    ticks = world.container.ticks()
    await ticks.take(Job.CHECK_FRESHNESS, NOON, "one", NOON)
    await ticks.take(Job.MONITOR_QUEUES, at(DAY), "wrong", at(DAY))
    assert (await world.watcher.vitals.read(NOON)).ticked_at == NOON


async def test_only_a_sweep_that_was_completed_counts_and_not_what_somebody_asked_for(world: World) -> None:
    await world.watcher.check_timeliness()
    assert (await world.watcher.vitals.read(NOON)).swept_at == NOON
    world.clock.instant = at(MINUTE)
    await world.watcher.check_timeliness(lookback_minutes=60)
    assert (await world.watcher.vitals.read(at(MINUTE))).swept_at == NOON
