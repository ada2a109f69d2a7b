"""Background work inside the process: one job after the other, nothing announced is lost, nothing stops it."""

import logging
from asyncio import create_task, sleep, wait_for

import pytest

from tests.unit.diary import MAINTAIN, PRUNE, Diary, Moments, in_process, settled
from watcher.adapters import in_process_jobs
from watcher.adapters.in_process_jobs import RETRIES, InProcessJobs
from watcher.domain.errors import StoreBusy


async def test_what_is_announced_is_done_soon_and_once(jobs: InProcessJobs, work: Diary) -> None:
    jobs.announce(MAINTAIN)
    assert work.done == []
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN]


async def test_who_announces_waits_for_nothing(jobs: InProcessJobs, work: Diary) -> None:
    work.gate.clear()
    for _ in range(1_000):
        jobs.announce(MAINTAIN)
    await settled()
    assert work.done == [MAINTAIN]


async def test_what_is_announced_while_it_runs_is_done_once_more(jobs: InProcessJobs, work: Diary) -> None:
    work.gate.clear()
    jobs.announce(MAINTAIN)
    await settled()
    for _ in range(3):
        jobs.announce(MAINTAIN)
    work.gate.set()
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN, MAINTAIN]


async def test_a_job_that_takes_long_keeps_no_other_waiting(jobs: InProcessJobs, work: Diary) -> None:
    work.gate.clear()
    jobs.announce(MAINTAIN)
    await settled()
    jobs.announce(MAINTAIN)
    jobs.announce(PRUNE)
    await settled()
    assert work.done == [MAINTAIN, PRUNE]
    work.gate.set()
    await wait_for(jobs.idle(), 1)
    assert sorted(work.done) == [MAINTAIN, MAINTAIN, PRUNE]


async def test_after_a_rest_it_goes_on(jobs: InProcessJobs, work: Diary) -> None:
    for _ in range(3):
        jobs.announce(MAINTAIN)
        await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * 3


async def test_work_goes_on_until_nothing_was_left(jobs: InProcessJobs, work: Diary) -> None:
    work.steps = [1, 200, 200]
    jobs.announce(MAINTAIN)
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * 4


async def test_nothing_announced_is_nothing_to_wait_for(jobs: InProcessJobs) -> None:
    await wait_for(jobs.idle(), 1)


async def test_a_store_that_is_busy_is_tried_again(jobs: InProcessJobs, work: Diary) -> None:
    work.failures = [StoreBusy("somebody is at it")] * 2
    jobs.announce(MAINTAIN)
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * 3


async def test_a_store_that_stays_away_is_left_to_the_next_sweep(jobs: InProcessJobs, work: Diary) -> None:
    work.failures = [StoreBusy("somebody is at it")] * 100
    jobs.announce(MAINTAIN)
    jobs.announce(PRUNE)
    await wait_for(jobs.idle(), 1)
    assert sorted(work.done) == [MAINTAIN] * RETRIES + [PRUNE]


async def test_a_mistake_is_logged_and_survived(
    jobs: InProcessJobs, work: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    work.failures = [ValueError("a mistake")]
    jobs.announce(MAINTAIN)
    jobs.announce(PRUNE)
    with caplog.at_level(logging.ERROR):
        await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN, PRUNE]
    (record,) = caplog.records
    assert record.message == "maintain_closure failed"
    assert record.exc_info is not None
    jobs.announce(MAINTAIN)
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN, PRUNE, MAINTAIN]


async def test_closing_breaks_off_what_does_not_end_and_starts_nothing_more(
    jobs: InProcessJobs, work: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process_jobs, "GRACE_SECONDS", 0.05)
    work.gate.clear()
    jobs.announce(MAINTAIN)
    await settled()
    jobs.announce(PRUNE)
    await wait_for(jobs.close(), 1)
    jobs.announce(MAINTAIN)
    await settled()
    assert (work.done, work.broken_off) == ([MAINTAIN], 1)


async def test_closing_lets_what_is_under_way_end_and_begins_nothing_after_it(
    jobs: InProcessJobs, work: Diary
) -> None:
    work.gate.clear()
    work.steps = [1, 1, 1]
    jobs.announce(MAINTAIN)
    await settled()
    jobs.announce(MAINTAIN)
    closing = create_task(jobs.close())
    await sleep(0.02)
    assert not closing.done()
    work.gate.set()
    await wait_for(closing, 1)
    assert (work.done, work.broken_off) == ([MAINTAIN], 0)


async def test_closing_does_not_wait_for_what_only_rests(
    work: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 60.0)
    jobs = in_process({MAINTAIN: work.maintain}, Moments())
    jobs.announce(MAINTAIN)
    await settled()
    await wait_for(jobs.close(), 1)
    assert work.done == []


async def test_closing_what_never_worked_is_nothing(jobs: InProcessJobs) -> None:
    await wait_for(jobs.close(), 1)
    await wait_for(jobs.close(), 1)


async def test_who_waits_until_all_is_done_may_give_up(jobs: InProcessJobs, work: Diary) -> None:
    work.gate.clear()
    jobs.announce(MAINTAIN)
    await settled()
    waiting = create_task(jobs.idle())
    await settled()
    waiting.cancel()
    await settled()
    work.gate.set()
    jobs.announce(PRUNE)
    await wait_for(jobs.idle(), 1)
    assert (work.done, work.broken_off) == ([MAINTAIN, PRUNE], 0)
