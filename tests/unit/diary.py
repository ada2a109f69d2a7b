"""Jobs that note what becomes of them."""

from asyncio import CancelledError, Event, sleep
from collections.abc import Mapping
from datetime import datetime, timedelta

from watcher.adapters.in_process_jobs import InProcessJobs, InProcessQueues
from watcher.adapters.memory.durations import MemoryDurations
from watcher.adapters.memory.ticks import MemoryTicks
from watcher.adapters.system_clock import SystemClock
from watcher.domain.jobs import Job, Progress, Work

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


async def settled() -> None:
    for _ in range(10):
        await sleep(0)
