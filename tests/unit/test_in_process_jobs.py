"""Background work inside the process: one job after the other, nothing announced is lost, nothing stops it."""

import logging
from asyncio import CancelledError, Event, create_task, sleep, wait_for
from collections.abc import AsyncIterator

import pytest

from watcher.adapters import in_process_jobs
from watcher.adapters.in_process_jobs import RETRIES, InProcessJobs
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import Job

MAINTAIN, PRUNE = Job.MAINTAIN_CLOSURE, Job.PRUNE_LINEAGE


class Work:
    """Two jobs that write down when they run; maintaining waits at a gate, and may fail a few times first."""

    def __init__(self) -> None:
        self.done: list[Job] = []
        self.gate = Event()
        self.gate.set()
        self.failures: list[BaseException] = []
        self.steps: list[int] = []
        self.broken_off = 0
        self.often = Event()

    async def maintain(self) -> int:
        self.done.append(MAINTAIN)
        if len(self.done) > 3:
            self.often.set()
        try:
            await self.gate.wait()
        except CancelledError:
            self.broken_off += 1
            raise
        if self.failures:
            raise self.failures.pop(0)
        return self.steps.pop() if self.steps else 0

    async def prune(self) -> int:
        self.done.append(PRUNE)
        return 0


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def jobs(work: Work, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InProcessJobs]:
    monkeypatch.setattr(in_process_jobs, "FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    jobs = InProcessJobs({MAINTAIN: work.maintain, PRUNE: work.prune})
    yield jobs
    await jobs.close()


async def settled() -> None:
    for _ in range(10):
        await sleep(0)


async def test_what_is_announced_is_done_soon_and_once(jobs: InProcessJobs, work: Work) -> None:
    jobs.announce(MAINTAIN)
    assert work.done == []
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN]


async def test_who_announces_waits_for_nothing(jobs: InProcessJobs, work: Work) -> None:
    work.gate.clear()
    for _ in range(1_000):
        jobs.announce(MAINTAIN)
    await settled()
    assert work.done == [MAINTAIN]


async def test_what_is_announced_while_it_runs_is_done_once_more(jobs: InProcessJobs, work: Work) -> None:
    work.gate.clear()
    jobs.announce(MAINTAIN)
    await settled()
    for _ in range(3):
        jobs.announce(MAINTAIN)
    work.gate.set()
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN, MAINTAIN]


async def test_jobs_are_done_one_after_the_other(jobs: InProcessJobs, work: Work) -> None:
    work.gate.clear()
    jobs.announce(MAINTAIN)
    jobs.announce(PRUNE)
    await settled()
    assert work.done == [MAINTAIN]
    work.gate.set()
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN, PRUNE]


async def test_after_a_rest_it_goes_on(jobs: InProcessJobs, work: Work) -> None:
    for _ in range(3):
        jobs.announce(MAINTAIN)
        await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * 3


async def test_work_goes_on_until_nothing_was_left(jobs: InProcessJobs, work: Work) -> None:
    work.steps = [1, 200, 200]
    jobs.announce(MAINTAIN)
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * 4


async def test_nothing_announced_is_nothing_to_wait_for(jobs: InProcessJobs) -> None:
    await wait_for(jobs.idle(), 1)


async def test_a_store_that_is_busy_is_tried_again(jobs: InProcessJobs, work: Work) -> None:
    work.failures = [StoreBusy("somebody is at it")] * 2
    jobs.announce(MAINTAIN)
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * 3


async def test_a_store_that_stays_away_is_left_to_the_next_sweep(jobs: InProcessJobs, work: Work) -> None:
    work.failures = [StoreBusy("somebody is at it")] * 100
    jobs.announce(MAINTAIN)
    jobs.announce(PRUNE)
    await wait_for(jobs.idle(), 1)
    assert work.done == [MAINTAIN] * RETRIES + [PRUNE]


async def test_a_mistake_is_logged_and_survived(
    jobs: InProcessJobs, work: Work, caplog: pytest.LogCaptureFixture
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


async def test_closing_breaks_off_what_is_under_way_and_starts_nothing_more(
    jobs: InProcessJobs, work: Work
) -> None:
    work.gate.clear()
    jobs.announce(MAINTAIN)
    await settled()
    jobs.announce(PRUNE)
    await wait_for(jobs.close(), 1)
    jobs.announce(MAINTAIN)
    await settled()
    assert (work.done, work.broken_off) == ([MAINTAIN], 1)


async def test_closing_what_never_worked_is_nothing(jobs: InProcessJobs) -> None:
    await wait_for(jobs.close(), 1)
    await wait_for(jobs.close(), 1)


async def test_a_sweep_finds_every_job_at_once_and_again_and_again(
    jobs: InProcessJobs, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_process_jobs, "SWEEP_SECONDS", {MAINTAIN: 0.001, PRUNE: 3_600.0})
    async with jobs.sweeping():
        await wait_for(work.often.wait(), 1)
    assert work.done.count(PRUNE) == 1
    await settled()
    before = list(work.done)
    await sleep(0.01)
    assert work.done == before


async def test_who_waits_until_all_is_done_may_give_up(jobs: InProcessJobs, work: Work) -> None:
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


class Lookbacks:
    """Remembers how it was called; refuses as often as it was told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.calls: list[dict[str, int]] = []
        self.refusals = refusals

    async def __call__(self, **parameters: int) -> None:
        self.calls.append(parameters)
        if self.refusals:
            self.refusals -= 1
            raise StoreBusy("somebody else is at it")


async def called(work: Lookbacks, *announced: dict[str, int]) -> list[dict[str, int]]:
    jobs = InProcessJobs({Job.CHECK_TIMELINESS: work})
    for parameters in announced:
        jobs.announce(Job.CHECK_TIMELINESS, **parameters)
    await jobs.idle()
    await jobs.close()
    return work.calls


async def test_parameters_reach_the_job() -> None:
    assert await called(Lookbacks(), {"lookback_minutes": 5}, {}) == [{"lookback_minutes": 5}, {}]


async def test_equal_announcements_that_wait_together_are_one() -> None:
    calls = await called(
        Lookbacks(), {"lookback_minutes": 5}, {"lookback_minutes": 6}, {"lookback_minutes": 5}
    )
    assert calls == [{"lookback_minutes": 5}, {"lookback_minutes": 6}]


async def test_a_job_is_tried_again_with_its_parameters() -> None:
    assert await called(Lookbacks(refusals=1), {"lookback_minutes": 5}) == [{"lookback_minutes": 5}] * 2


async def test_a_job_that_waits_for_others_outside_holds_no_other_job_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    work, answered, sends = Work(), Event(), 0

    async def send() -> None:
        nonlocal sends
        sends += 1
        await answered.wait()

    jobs = InProcessJobs({PRUNE: work.prune, Job.SEND_ALERTS: send})
    jobs.announce(Job.SEND_ALERTS)
    await settled()
    for _ in range(3):
        jobs.announce(Job.SEND_ALERTS)
        jobs.announce(PRUNE)
        await settled()
    assert (work.done, sends) == ([PRUNE] * 3, 1)
    answered.set()
    await wait_for(jobs.idle(), 1)
    assert sends == 2
    await jobs.close()
