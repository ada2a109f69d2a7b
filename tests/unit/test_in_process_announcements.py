"""What is announced to the process itself: with which parameters, by whom, and what became of it."""

from asyncio import wait_for
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime

import pytest

from tests.unit.diary import MAINTAIN, PRUNE, Diary, Moments, in_process
from watcher.adapters import in_process_jobs
from watcher.adapters.in_process_jobs import MOST_WAITING, InProcessJobs, InProcessQueues
from watcher.adapters.memory.durations import MemoryDurations
from watcher.adapters.memory.ticks import MemoryTicks
from watcher.adapters.system_clock import SystemClock
from watcher.adapters.tally import Tally
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import Job, Progress
from watcher.traced import TRACED

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


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
