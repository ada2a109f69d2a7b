"""What goes wrong in Watcher itself: counted by all processes, on record while it is too much, and told once."""

from asyncio import gather
from datetime import timedelta

import pytest

from tests.contract.telling import MINUTE, OPS, PAGER, Telling, active
from tests.contract.world import NOON, World, at
from watcher.adapters.tally import Tally, TallyKeeper
from watcher.domain.error_rates import ErrorLimits, Look, Rate, Slot, Source
from watcher.domain.errors import StoreUnavailable
from watcher.domain.jobs import Job

REQUESTS, TASKS = Source.REQUESTS, Source.TASKS
WINDOW = timedelta(minutes=5)
LIMITS = ErrorLimits(WINDOW, least=20, share=0.05)


def slot(seconds: float, total: int, failed: int, source: Source = REQUESTS) -> Slot:
    return Slot(source, at(seconds), total, failed)


async def add(world: World, *slots: Slot, process: str = "one") -> None:
    await world.container.error_rates().add(process, slots, at(-7_200))


async def checked(world: World, seconds: float) -> list[tuple[Source, bool]]:
    """The spells that a look so many seconds after noon opened, or ended."""
    world.clock.instant = at(seconds)
    spells = await world.container.check_errors()()
    return [(spell.source, spell.ended_at is None) for spell in spells]


async def test_what_all_processes_counted_within_the_window_is_added_up(world: World) -> None:
    rates = world.container.error_rates()
    assert await rates.looked(NOON) == {}
    await add(world, slot(0, 100, 3), slot(5, 50, 2), slot(0, 7, 1, TASKS))
    await add(world, slot(0, 10, 4), slot(-1, 1_000, 1_000), process="two")
    assert await rates.looked(NOON) == {
        REQUESTS: Look(Rate(160, 9), lasts=False),
        TASKS: Look(Rate(7, 1), lasts=False),
    }


async def test_what_is_added_again_counts_once(world: World) -> None:
    for _ in range(2):
        await add(world, slot(0, 100, 3))
    assert (await world.container.error_rates().looked(NOON))[REQUESTS].rate == Rate(100, 3)


async def test_what_is_old_is_forgotten_when_something_is_added(world: World) -> None:
    await add(world, slot(0, 100, 3))
    await world.container.error_rates().add("two", [slot(8_000, 1, 1)], at(7_000))
    assert (await world.container.error_rates().looked(at(-1)))[REQUESTS].rate == Rate(1, 1)


async def test_a_spell_begins_when_both_limits_are_reached_and_is_one_spell(world: World) -> None:
    await add(world, slot(0, 398, 19))
    assert await checked(world, 10) == []
    await add(world, slot(5, 0, 0), slot(6, 1, 1))
    assert await checked(world, 20) == [(REQUESTS, True)]
    assert await checked(world, 30) == []


async def test_few_of_very_many_are_no_spell(world: World) -> None:
    await add(world, slot(0, 10_000, 499))
    assert await checked(world, 10) == []
    await add(world, slot(1, 1, 1))
    assert await checked(world, 20) == []
    await add(world, slot(2, 1, 1))
    assert await checked(world, 30) == [(REQUESTS, True)]


async def test_a_spell_lasts_until_it_is_below_half_of_both_limits(world: World) -> None:
    await add(world, slot(0, 100, 30), slot(100, 10, 0), slot(200, 100, 10))
    assert await checked(world, 200) == [(REQUESTS, True)]
    assert await checked(world, 350) == []  # 10 of 110: half of the least
    assert await checked(world, 501) == [(REQUESTS, False)]
    assert await checked(world, 502) == []


async def test_sources_have_spells_of_their_own(world: World) -> None:
    await add(world, slot(0, 100, 30), slot(0, 50, 50, TASKS))
    assert sorted(await checked(world, 10)) == [(REQUESTS, True), (TASKS, True)]
    assert world.jobs.announced == [(Job.SEND_ALERTS, {})]


async def test_of_looks_at_the_same_time_one_opens_and_one_ends(world: World) -> None:
    await add(world, slot(0, 100, 30))
    world.clock.instant = at(10)
    opened = await gather(*(world.container.check_errors()() for _ in range(4)))
    assert sum(map(len, opened)) == 1
    world.clock.instant = at(1_000)
    ended = await gather(*(world.container.check_errors()() for _ in range(4)))
    assert sum(map(len, ended)) == 1


async def test_a_spike_is_told_once_and_when_it_is_over(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    await add(world, slot(MINUTE, 1_200, 84))
    await checked(world, 2 * MINUTE)
    assert sorted(await telling.told()) == [("ops", "Many requests fail"), ("pager", "Many requests fail")]
    line = (
        "84 of 1,200 requests were answered with an error of the server (7.0%), within 5 minutes up to "
        "2026-03-01 12:02 UTC."
    )
    assert telling.last_text() == f"- {line}"
    await checked(world, 3 * MINUTE)
    assert await telling.told() == []
    await checked(world, 7 * MINUTE)
    assert [title for _, title in await telling.told()] == ["No longer do many requests fail"] * 2
    assert telling.last_text() == "- no longer do many requests fail, after 5 minutes."
    assert await telling.told() == []
    (alert,) = await telling.alerts()
    assert (alert.kind, alert.severity, alert.sentence) == ("errors", "critical", line)


async def test_tasks_that_fail_are_worth_a_warning(world: World) -> None:
    telling = await active(world, OPS, PAGER)
    await add(world, slot(MINUTE, 40, 30, TASKS))
    await checked(world, 2 * MINUTE)
    assert await told_of(telling) == [("ops", "Many tasks fail")]
    assert telling.last_text().startswith("- 30 of 40 tasks failed (75.0%), within 5 minutes up to")


async def told_of(telling: Telling) -> list[tuple[str, str]]:
    return await telling.told()


def keeper(world: World, tally: Tally) -> TallyKeeper:
    rates, jobs = world.container.error_rates(), world.jobs
    return TallyKeeper(tally, rates, jobs, world.clock, window=WINDOW)


async def test_without_failures_nothing_is_written_down(world: World) -> None:
    tally = Tally()
    keeping = keeper(world, tally)
    for second in range(0, 60, 5):
        tally.count(REQUESTS, failed=False)
        tally.count(TASKS, failed=False)
        world.clock.instant = at(second)
        await keeping.flush()
    assert await world.container.error_rates().looked(at(-1)) == {}
    assert world.jobs.announced == []


async def test_with_a_failure_all_of_the_window_is_written_down_once(world: World) -> None:
    tally = Tally()
    keeping = keeper(world, tally)
    for second in range(5, 605, 5):
        tally.count(REQUESTS, failed=False)
        world.clock.instant = at(second)
        await keeping.flush()
    tally.count(REQUESTS, failed=True)
    world.clock.instant = at(605)
    await keeping.flush()
    found = (await world.container.error_rates().looked(at(-1)))[REQUESTS].rate
    assert found == Rate(60, 1)  # those of the last five minutes, and the failure
    assert world.jobs.announced == [(Job.CHECK_ERRORS, {})]
    await keeping.flush()
    assert (await world.container.error_rates().looked(at(-1)))[REQUESTS].rate == found


async def test_what_cannot_be_written_down_is_written_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = Tally()
    keeping = keeper(world, tally)
    rates = world.container.error_rates()
    tally.count(REQUESTS, failed=True)
    with monkeypatch.context() as away:

        async def refused(*_: object) -> None:
            raise StoreUnavailable("gone")

        away.setattr(type(rates), "add", refused)
        with pytest.raises(StoreUnavailable):
            await keeping.flush()
    tally.count(REQUESTS, failed=False)
    world.clock.instant = at(60)
    await keeping.flush()
    assert (await rates.looked(at(-1)))[REQUESTS].rate == Rate(2, 1)
