"""What a worker does with a message: its tick, its attempts, and as much of its job as fits into its time."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.contract.world import NOON, World, at
from watcher.adapters.cron import CronSchedule
from watcher.domain.attempts import DELIVERIES
from watcher.domain.delivery import Delivery, Performed, PerformJob
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import JOBS, Job, Progress

JOB = Job.CHECK_TIMELINESS


class Steps:
    """Work of so many steps, each of which takes a time of its own and may fail."""

    def __init__(self, world: World, steps: int = 1, seconds: float = 0) -> None:
        self._world, self._seconds = world, seconds
        self.left = steps
        self.calls: list[dict[str, int]] = []
        self.refusal: Callable[[], Exception] | None = None

    async def __call__(self, **parameters: int) -> Progress:
        self.calls.append(parameters)
        self._world.clock.instant += timedelta(seconds=self._seconds)
        if self.refusal is not None:
            raise self.refusal()
        self.left -= 1
        return Progress.MORE if self.left > 0 else Progress.DONE


def performing(world: World, work: Steps) -> PerformJob:
    return PerformJob(
        work={JOB: work},
        schedule=CronSchedule({JOB: "*/5 * * * *"}),
        ticks=world.container.ticks(),
        attempts=world.container.attempts(),
        jobs=world.jobs,
        clock=world.clock,
        terms=JOBS,
    )


def sent(message: str = "one", retries: int = 0, ticked: float | None = None, **parameters: int) -> Delivery:
    tick = None if ticked is None else at(ticked)
    return Delivery(message=message, job=JOB, parameters=parameters, retries=retries, ticked_at=tick)


async def test_a_message_has_its_job_done_with_its_parameters(world: World) -> None:
    work = Steps(world)
    assert await performing(world, work)(sent(lookback_minutes=7)) is Performed.DONE
    assert work.calls == [{"lookback_minutes": 7}]
    assert await world.container.attempts().begun("one", JOB, NOON) == 1


async def test_a_job_is_called_until_it_has_no_more_to_do(world: World) -> None:
    work = Steps(world, steps=5)
    assert await performing(world, work)(sent()) is Performed.DONE
    assert (len(work.calls), world.jobs.announced) == (5, [])


async def test_what_is_left_at_half_the_time_is_announced_again(world: World) -> None:
    work = Steps(world, steps=100, seconds=JOBS[JOB].soft_seconds / 8)
    assert await performing(world, work)(sent(lookback_minutes=7)) is Performed.TO_BE_CONTINUED
    assert len(work.calls) == 4
    assert world.jobs.announced == [(JOB, {"lookback_minutes": 7})]
    assert await world.container.attempts().begun("one", JOB, NOON) == 1


@pytest.mark.parametrize("second", [0, 0.5, 299])
async def test_of_the_messages_of_one_tick_one_is_done(world: World, second: float) -> None:
    work = Steps(world)
    perform = performing(world, work)
    assert await perform(sent("one", ticked=0)) is Performed.DONE
    assert await perform(sent("two", ticked=second)) is Performed.TAKEN_BY_ANOTHER
    world.clock.instant = at(300)
    assert await perform(sent("three", ticked=300)) is Performed.DONE
    assert await perform(sent("four", ticked=second)) is Performed.TAKEN_BY_ANOTHER
    assert len(work.calls) == 2


async def test_a_message_whose_worker_died_is_done_though_its_tick_was_taken(world: World) -> None:
    work = Steps(world)
    assert await world.container.ticks().take(JOB, NOON, "one", NOON)
    assert await performing(world, work)(sent("one", ticked=3)) is Performed.DONE


async def test_what_was_announced_belongs_to_no_tick(world: World) -> None:
    work = Steps(world)
    perform = performing(world, work)
    assert [await perform(sent(name)) for name in ("one", "two")] == [Performed.DONE] * 2


async def test_a_message_that_was_begun_too_often_is_given_up_and_forgotten(world: World) -> None:
    work, attempts = Steps(world), world.container.attempts()
    for _ in range(DELIVERIES):
        await attempts.begun("one", JOB, NOON)
    assert await performing(world, work)(sent()) is Performed.GIVEN_UP
    assert work.calls == []
    assert await attempts.begun("one", JOB, NOON) == 1


async def test_retries_do_not_count_against_a_message(world: World) -> None:
    work = Steps(world)
    work.refusal = lambda: StoreBusy("it is odd")
    perform = performing(world, work)
    for retries in range(JOBS[JOB].retries + 1):
        with pytest.raises(StoreBusy):
            await perform(sent(retries=retries))
    await perform.ended(sent())
    assert await world.container.attempts().begun("one", JOB, NOON) == 1
