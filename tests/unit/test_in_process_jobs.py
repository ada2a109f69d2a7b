"""Background work inside the process: one job after the other, nothing announced is lost, nothing stops it."""

import logging
from asyncio import CancelledError, Event, create_task, sleep, wait_for
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime, timedelta

import pytest

from watcher.adapters import in_process_jobs
from watcher.adapters.in_process_jobs import MOST_WAITING, RETRIES, InProcessJobs, InProcessQueues
from watcher.adapters.memory.durations import MemoryDurations
from watcher.adapters.memory.ticks import MemoryTicks
from watcher.adapters.system_clock import SystemClock
from watcher.adapters.tally import Tally
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import Job, Progress, Work
from watcher.traced import TRACED

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")
MAINTAIN, PRUNE = Job.MAINTAIN_CLOSURE, Job.PRUNE_LINEAGE


class Diary:
    """Two jobs that write down when they run; maintaining waits at a gate, and may fail a few times first."""

    def __init__(self) -> None:
        self.done: list[Job] = []
        self.gate = Event()
        self.gate.set()
        self.failures: list[BaseException] = []
        self.steps: list[int] = []
        self.broken_off = 0
        self.often = Event()

    async def maintain(self) -> Progress:
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
        return Progress.MORE if self.steps and self.steps.pop() else Progress.DONE

    async def prune(self) -> Progress:
        self.done.append(PRUNE)
        return Progress.DONE


class Moments:
    """A schedule that ticks every few milliseconds, or only once in a long while; in the year in which it is asked."""

    def __init__(self, **seconds: float) -> None:
        self._seconds = seconds

    def following(self, job: Job, after: datetime) -> datetime | None:
        return after + timedelta(seconds=self._seconds[job]) if job in self._seconds else None

    def latest(self, job: Job, at: datetime) -> datetime | None:
        raise NotImplementedError(job, at)


def in_process(
    work: Mapping[Job, Work],
    schedule: Moments,
    ticks: MemoryTicks | None = None,
    clock: SystemClock | None = None,
) -> InProcessJobs:
    return InProcessJobs(
        work,
        schedule=schedule,
        ticks=ticks or MemoryTicks(),
        durations=MemoryDurations(),
        clock=clock or SystemClock(),
        queues=InProcessQueues(),
    )


@pytest.fixture
def work() -> Diary:
    return Diary()


@pytest.fixture
async def jobs(work: Diary, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InProcessJobs]:
    monkeypatch.setattr(in_process_jobs, "FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    jobs = in_process({MAINTAIN: work.maintain, PRUNE: work.prune}, Moments())
    yield jobs
    await jobs.close()


async def settled() -> None:
    for _ in range(10):
        await sleep(0)


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


class Lookbacks:
    """Remembers how it was called; refuses as often as it was told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.calls: list[dict[str, int]] = []
        self.refusals = refusals

    async def __call__(self, **parameters: int) -> Progress:
        self.calls.append(parameters)
        if self.refusals:
            self.refusals -= 1
            raise StoreBusy("somebody else is at it")
        return Progress.DONE


async def called(work: Lookbacks, *announced: dict[str, int]) -> list[dict[str, int]]:
    jobs = in_process({Job.CHECK_TIMELINESS: work}, Moments())
    for parameters in announced:
        jobs.announce(Job.CHECK_TIMELINESS, **parameters)
    await jobs.idle()
    await jobs.close()
    return work.calls


async def test_parameters_reach_the_job() -> None:
    assert await called(Lookbacks(), {"lookback_minutes": 5}, {}) == [{}, {"lookback_minutes": 5}]


async def test_equal_announcements_that_wait_together_are_one() -> None:
    calls = await called(
        Lookbacks(), {"lookback_minutes": 5}, {"lookback_minutes": 6}, {"lookback_minutes": 5}
    )
    assert calls == [{"lookback_minutes": 5}, {"lookback_minutes": 6}]


async def test_a_crowd_of_announcements_is_bounded_and_loses_no_lookback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    crowd = [{"lookback_minutes": minutes} for minutes in [*range(5, 500), *range(1_000, 500, -1)]]
    calls = await called(Lookbacks(), *crowd, {})
    assert len(calls) == MOST_WAITING + 1
    assert calls[0] == {}
    assert calls[1:-1] == crowd[: MOST_WAITING - 1]
    assert calls[-1] == {"lookback_minutes": 1_000}


async def test_of_each_parameter_the_largest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    monkeypatch.setattr(in_process_jobs, "MOST_WAITING", 1)
    assert await called(Lookbacks(), {"one": 3, "two": 1}, {"two": 4, "three": 2}, {"one": 1}) == [
        {"one": 3, "two": 4, "three": 2}
    ]


async def test_a_job_is_tried_again_with_its_parameters() -> None:
    assert await called(Lookbacks(refusals=1), {"lookback_minutes": 5}) == [{"lookback_minutes": 5}] * 2


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


async def test_tasks_that_fail_are_counted_and_those_that_only_wait_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_process_jobs, "FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    left = iter([StoreBusy("by another"), None, ZeroDivisionError(), *([StoreBusy("for ever")] * 5)])

    async def odd() -> Progress:
        if (error := next(left)) is not None:
            raise error
        return Progress.DONE

    tally = Tally()
    jobs = InProcessJobs(
        {MAINTAIN: odd},
        schedule=Moments(),
        ticks=MemoryTicks(),
        durations=MemoryDurations(),
        clock=SystemClock(),
        queues=InProcessQueues(),
        tally=tally,
    )
    counted = []
    for _ in range(3):
        jobs.announce(MAINTAIN)
        await wait_for(jobs.idle(), 30)
        counted += [(slot.total, slot.failed) for slot in tally.taken(datetime.now(UTC))]
    assert counted == [(1, 0), (1, 1), (1, 1)]
    await jobs.close()


async def test_what_waits_can_be_asked_for(work: Diary) -> None:
    queues, now = InProcessQueues(), datetime.now(UTC)
    assert (await queues.backlog(now)).oldest_seconds is None
    jobs = InProcessJobs(
        {MAINTAIN: work.maintain, PRUNE: work.prune},
        schedule=Moments(),
        ticks=MemoryTicks(),
        durations=MemoryDurations(),
        clock=SystemClock(),
        queues=queues,
    )
    for _ in range(3):
        jobs.announce(MAINTAIN)
    jobs.announce(PRUNE)
    backlog = await queues.backlog(now)
    assert (backlog.pending, backlog.tasks, backlog.in_progress) == (
        2,
        {"maintain_closure": 1, "prune_lineage": 1},
        0,
    )
    assert backlog.oldest_seconds is not None
    await wait_for(jobs.idle(), 3)
    assert (await queues.backlog(now)).pending == 0
    await jobs.close()


async def test_a_job_belongs_to_the_first_who_announced_it_and_is_traced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    seen: list[str] = []

    async def work() -> Progress:
        seen.append(CALLER.get())
        return Progress.DONE

    jobs = in_process({MAINTAIN: work}, Moments())

    def announced(name: str, *, traced: bool) -> None:
        CALLER.set(name)
        TRACED.set(traced)
        jobs.announce(MAINTAIN)

    for callers in [("untraced", False), ("first", True), ("second", True)], [("alone", False)]:
        for name, traced in callers:
            copy_context().run(announced, name, traced=traced)
        await jobs.idle()
    await jobs.close()
    assert seen == ["first", "nobody"]
