"""Background work inside the process by its schedule: every tick is taken once, whatever the clock does."""

import logging
from asyncio import sleep, wait_for
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.diary import MAINTAIN, PRUNE, Diary, Moments, in_process
from watcher.adapters import in_process_jobs
from watcher.adapters.memory.ticks import MemoryTicks
from watcher.adapters.system_clock import SystemClock
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import Job


async def test_a_sweep_finds_every_job_at_once_and_again_and_again(
    work: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    schedule = Moments(maintain_closure=0.001, prune_lineage=3_600.0)
    jobs = in_process({MAINTAIN: work.maintain, PRUNE: work.prune}, schedule)
    async with jobs.sweeping():
        await wait_for(work.often.wait(), 1)
    assert work.done.count(PRUNE) == 1
    await wait_for(jobs.idle(), 1)
    before = list(work.done)
    await sleep(0.01)
    assert work.done == before


async def test_of_two_who_sweep_by_one_schedule_one_takes_each_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    ticks, works = MemoryTicks(), [Diary(), Diary()]
    begun = datetime.now(UTC)

    class Once(Moments):
        def following(self, job: Job, after: datetime) -> datetime | None:
            tick = begun + timedelta(seconds=0.1)
            return tick if job is PRUNE and after < tick else None

    both = [in_process({PRUNE: work.prune}, Once(), ticks) for work in works]
    async with both[0].sweeping(), both[1].sweeping():
        await sleep(0.2)
    for jobs in both:
        await jobs.close()
    assert sorted(len(work.done) for work in works) == [1, 2]  # each at its beginning, and one at the tick


@pytest.mark.parametrize(
    ("error", "logged"), [(StoreBusy("it is gone"), []), (ValueError("a mistake"), ["ERROR"] * 2)]
)
async def test_a_tick_that_cannot_be_asked_for_costs_the_tick_and_no_more(
    work: Diary,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    logged: list[str],
) -> None:
    class Gone(MemoryTicks):
        times = 0

        async def take(self, job: Job, tick: datetime, taker: str, now: datetime) -> bool:
            Gone.times += 1
            if Gone.times < 3:
                raise error
            return await super().take(job, tick, taker, now)

    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    jobs = in_process({MAINTAIN: work.maintain}, Moments(maintain_closure=0.001), Gone())
    async with jobs.sweeping():
        await wait_for(work.often.wait(), 1)
    await jobs.close()
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == logged


async def test_a_clock_that_was_set_back_is_swept_by(work: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(in_process_jobs, "LONGEST_SLEEP_SECONDS", 0.01)

    class Wrong(SystemClock):
        ahead = timedelta(days=365)

        def now(self) -> datetime:
            return super().now() + self.ahead

    clock = Wrong()
    jobs = in_process({MAINTAIN: work.maintain}, Moments(maintain_closure=0.001), clock=clock)
    async with jobs.sweeping():
        await wait_for(work.often.wait(), 1)
        clock.ahead = timedelta()
        work.done.clear()
        work.often.clear()
        await wait_for(work.often.wait(), 1)
    await jobs.close()
