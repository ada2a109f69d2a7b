"""What programs that share background work agree on: ticks, attempts, and the spells of the queues."""

from asyncio import gather
from datetime import timedelta

import pytest

from tests.contract.world import NOON, World, at
from watcher.domain.attempts import DELIVERIES, KEPT, given_up
from watcher.domain.jobs import Job
from watcher.domain.queues import Backlog, Limits, QueuesChecked, QueueSpell, QueueState
from watcher.domain.schedule import FURTHEST_AHEAD

OK, WARNING, CRITICAL = QueueState.OK, QueueState.WARNING, QueueState.CRITICAL
JOB, OTHER = Job.CHECK_FRESHNESS, Job.CHECK_TIMELINESS


async def test_a_tick_is_taken_once(world: World) -> None:
    ticks = world.container.ticks()
    assert await ticks.take(JOB, NOON, "one", at(1))
    assert not await ticks.take(JOB, NOON, "two", at(2))
    assert await ticks.take(OTHER, NOON, "two", at(2))


async def test_who_took_a_tick_may_take_it_again(world: World) -> None:
    ticks = world.container.ticks()
    assert await ticks.take(JOB, NOON, "one", at(1))
    assert await ticks.take(JOB, NOON, "one", at(900))


async def test_a_tick_that_is_behind_is_nobodys(world: World) -> None:
    ticks = world.container.ticks()
    assert await ticks.take(JOB, at(60), "one", at(60))
    assert not await ticks.take(JOB, NOON, "one", at(61))
    assert await ticks.take(JOB, at(120), "two", at(120))
    assert not await ticks.take(JOB, at(60), "one", at(121))


async def test_a_tick_that_is_far_ahead_of_the_takers_clock_is_not_taken(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = world.container.ticks()
    year = NOON + timedelta(days=365)
    assert not await ticks.take(JOB, year, "wrong", NOON)
    assert not await ticks.take(JOB, NOON + FURTHEST_AHEAD + timedelta(seconds=1), "wrong", NOON)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert await ticks.take(JOB, NOON + FURTHEST_AHEAD, "one", NOON)


async def test_a_tick_taken_by_a_clock_that_is_a_year_ahead_keeps_nobody_from_the_right_ones(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = world.container.ticks()
    year = NOON + timedelta(days=365)
    assert await ticks.take(JOB, year, "wrong", year)
    assert caplog.records == []
    taken = await gather(*(ticks.take(JOB, NOON, f"process {number}", at(1)) for number in range(8)))
    assert sum(taken) == 1
    (record,) = caplog.records
    assert (record.levelname, "wrong clock" in record.message) == ("WARNING", True)
    assert not await ticks.take(JOB, at(-60), "late", at(1))
    assert await ticks.take(JOB, at(60), "two", at(60))
    assert len(caplog.records) == 1


async def test_a_clock_that_is_a_little_ahead_keeps_its_tick(world: World) -> None:
    ticks = world.container.ticks()
    assert await ticks.take(JOB, at(60), "ahead", at(60))
    assert not await ticks.take(JOB, NOON, "behind", NOON)
    assert await ticks.take(JOB, at(240), "further ahead", at(240))
    assert not await ticks.take(JOB, at(240), "the same", NOON)
    assert await ticks.take(JOB, NOON, "right", NOON)


async def test_of_many_at_once_one_takes_the_tick(world: World) -> None:
    ticks = world.container.ticks()
    for tick in (NOON, at(60)):
        taken = await gather(*(ticks.take(JOB, tick, f"process {number}", tick) for number in range(8)))
        assert sum(taken) == 1


async def test_attempts_are_counted_by_message_until_it_ends(world: World) -> None:
    attempts = world.container.attempts()
    assert [await attempts.begun("one", JOB, at(second)) for second in range(3)] == [1, 2, 3]
    assert await attempts.begun("two", JOB, at(3)) == 1
    await attempts.ended("one")
    await attempts.ended("nobody")
    assert await attempts.begun("one", JOB, at(4)) == 1
    assert await attempts.begun("two", JOB, at(4)) == 2


async def test_attempts_at_the_same_time_are_all_counted(world: World) -> None:
    attempts = world.container.attempts()
    counted = await gather(*(attempts.begun("one", JOB, NOON) for _ in range(5)))
    assert sorted(counted) == [1, 2, 3, 4, 5]


async def test_a_message_of_which_nothing_was_heard_is_forgotten(world: World) -> None:
    attempts = world.container.attempts()
    await attempts.begun("lost", JOB, NOON)
    await attempts.begun("other", JOB, NOON + KEPT)
    assert await attempts.begun("lost", JOB, NOON + KEPT) == 2
    await attempts.begun("lost again", JOB, NOON)
    await attempts.begun("other", JOB, NOON + KEPT + timedelta(seconds=1))
    assert await attempts.begun("lost again", JOB, NOON + KEPT + timedelta(seconds=1)) == 1


def test_a_message_is_given_up_when_it_was_begun_too_often_beside_its_retries() -> None:
    assert [given_up(DELIVERIES + more, 2) for more in range(4)] == [False, False, False, True]


async def test_a_spell_is_on_record_from_its_first_look_to_the_first_without(world: World) -> None:
    spells = world.container.queue_spells()
    assert await spells.record(OK, 0, NOON) == QueuesChecked()
    opened = (await spells.record(WARNING, 50, at(1))).opened
    assert opened == QueueSpell(id=opened.id if opened else 0, state=WARNING, pending=50, opened_at=at(1))
    assert await spells.record(WARNING, 70, at(2)) == QueuesChecked()
    ended = (await spells.record(OK, 3, at(3))).ended
    assert ended == QueueSpell(id=opened.id, state=WARNING, pending=50, opened_at=at(1), ended_at=at(3))
    assert await spells.record(OK, 3, at(4)) == QueuesChecked()


@pytest.mark.parametrize(("first", "second"), [(WARNING, CRITICAL), (CRITICAL, WARNING)])
async def test_from_one_state_to_the_other_a_spell_ends_and_one_begins(
    world: World, first: QueueState, second: QueueState
) -> None:
    spells = world.container.queue_spells()
    await spells.record(first, 60, NOON)
    changed = await spells.record(second, 120, at(1))
    assert changed.opened is not None
    assert changed.ended is not None
    assert (changed.ended.state, changed.ended.ended_at) == (first, at(1))
    assert (changed.opened.state, changed.opened.pending, changed.opened.opened_at) == (second, 120, at(1))


async def test_a_clock_that_is_behind_ends_no_spell_before_it_began(world: World) -> None:
    spells = world.container.queue_spells()
    await spells.record(CRITICAL, 100, at(60))
    ended = (await spells.record(OK, 0, NOON)).ended
    assert ended is not None
    assert ended.ended_at == at(60)


async def test_of_looks_at_the_same_time_one_opens_and_one_ends(world: World) -> None:
    spells = world.container.queue_spells()
    for state, ends in ((WARNING, 0), (CRITICAL, 1), (OK, 1)):
        changes = await gather(*(spells.record(state, 99, NOON) for _ in range(8)))
        assert sum(change.opened is not None for change in changes) == (state is not OK)
        assert sum(change.ended is not None for change in changes) == ends


@pytest.mark.parametrize(
    ("pending", "workers", "state"),
    [
        (0, 0, OK), (0, 1, OK), (1, 1, OK), (1, 0, CRITICAL), (49, 1, OK), (50, 1, WARNING), (99, 1, WARNING),
        (100, 1, CRITICAL), (100_000, 9, CRITICAL),
    ],
)  # fmt: skip
def test_how_much_is_too_much(pending: int, workers: int, state: QueueState) -> None:
    backlog = Backlog(
        queues={"celery": pending, "scheduled": 0}, tasks={}, looked_at=0, in_progress=0,
        oldest_seconds=None, workers=workers,
    )  # fmt: skip
    assert Limits(50, 100).judged(backlog) is state


async def test_a_look_at_the_queues_is_recorded(world: World) -> None:
    health = await world.watcher.monitor_queues()
    assert (health.state, health.backlog.pending, health.durations) == (OK, 0, {})
