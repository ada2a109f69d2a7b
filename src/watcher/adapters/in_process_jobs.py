"""Background work inside the process that announced it, on its event loop; no broker needed."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeAlias
from uuid import uuid4

from watcher import traced
from watcher.domain.clock import Clock
from watcher.domain.durations import Durations
from watcher.domain.error_rates import Source, Tallies
from watcher.domain.errors import Unavailable
from watcher.domain.jobs import Job, Progress, Work
from watcher.domain.queues import Backlog
from watcher.domain.schedule import Schedule, Ticks

log = logging.getLogger(__name__)

DELAY_SECONDS = 0.25
"""Between an announcement and the work: who announces much at once has it done at once."""

RESTS = 3
"""So many times as long as a part of long work took, the process is left to others before the next part."""

MOST_WAITING = 20
"""Announcements of one job with different parameters. What comes on top is merged with the last of them."""

GRACE_SECONDS = 5.0
"""What is under way when all is closed gets so long to end by itself: a message half sent would be sent twice."""

CLOCK_SET_BACK = timedelta(minutes=1)
"""A clock that is further behind the last tick than this was set back: its ticks are counted anew."""

RETRIES = 5
FIRST_RETRY_SECONDS = 0.2
LONGEST_SLEEP_SECONDS = 60.0
"""A clock that is set anew is noticed after so long."""

Parameters: TypeAlias = tuple[tuple[str, int], ...]
Announcement: TypeAlias = tuple[Job, Parameters]
"""A job and its parameters by name."""


class InProcessQueues:
    """`Queues` of one process: what was announced in it and not begun."""

    def __init__(self) -> None:
        self.announced: dict[Announcement, float] = {}
        """When each was, by a clock that nobody sets."""
        self.traces: dict[Announcement, Context] = {}
        """Of those announced whose trace is recorded."""
        self.working: set[Job] = set()

    def add(self, announcement: Announcement) -> None:
        """One that waits already is not added; of too many of one job the last two become one."""
        job, parameters = announcement
        if parameters and announcement not in self.announced:
            waiting = [each for each in self.waiting(job) if each[1]]
            if len(waiting) >= MOST_WAITING:
                since = self.announced.pop(waiting[-1])
                self.traces.pop(waiting[-1], None)
                self.announced.setdefault((job, _merged(waiting[-1][1], parameters)), since)
                return
        self.announced.setdefault(announcement, monotonic())
        if (context := traced.context()) is not None:
            self.traces.setdefault(announcement, context)

    def waiting(self, job: Job) -> list[Announcement]:
        return [each for each in self.announced if each[0] is job]

    def take(self, job: Job) -> Announcement:
        """The first of those that wait for the job: the one without parameters, or else the oldest."""
        swept = job, ()
        announcement = swept if swept in self.announced else self.waiting(job)[0]
        del self.announced[announcement]
        return announcement

    async def backlog(self, now: datetime) -> Backlog:  # noqa: ARG002 (as above)
        oldest = min(self.announced.values(), default=None)
        return Backlog(
            queues={"in process": len(self.announced)},
            tasks=Counter(str(job) for job, _ in self.announced),
            looked_at=len(self.announced),
            in_progress=len(self.working),
            oldest_seconds=None if oldest is None else round(monotonic() - oldest, 3),
            workers=1,
        )


class InProcessJobs:
    """`Jobs`, each once at a time. What is announced while it runs is done once more.

    Equal announcements that wait together are one. Those without parameters, as sweeps make them, go first. Work that has more to do is done again, with a rest each time
    that is longer than the work took: the process has others to serve. Different jobs do not wait for each other.
    """

    def __init__(
        self,
        work: Mapping[Job, Work],
        *,
        schedule: Schedule,
        ticks: Ticks,
        durations: Durations,
        clock: Clock,
        queues: InProcessQueues,
        tally: Tallies | None = None,
    ) -> None:
        self._work = work
        self._schedule = schedule
        self._ticks = ticks
        self._durations = durations
        self._clock = clock
        self._name = f"process {uuid4()}"
        self._queues = queues
        self._tally = tally
        self._lanes: dict[Job, asyncio.Task[None]] = {}
        self._called: set[Job] = set()
        self._closed = False

    def announce(self, job: Job, **parameters: int) -> None:
        self._queues.add((job, tuple(sorted(parameters.items()))))
        lane = self._lanes.get(job)
        if not self._closed and (lane is None or lane.done()):
            # It does what others announce, too: nothing of the caller goes with it.
            self._lanes[job] = asyncio.get_running_loop().create_task(self._run(job), context=Context())

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """For the length of the block announces every job by its schedule, and at once.

        Of the processes on one database one takes each tick. At once is for what a predecessor left undone.
        """
        sweeps = [asyncio.create_task(self._sweep(job)) for job in self._work]
        try:
            yield
        finally:
            await _stopped(*sweeps)

    async def close(self) -> None:
        """Begins nothing more, and breaks off what does not end soon; the next sweep of anybody finds it again."""
        self._closed = True
        await _stopped(*(lane for job, lane in self._lanes.items() if job not in self._called))
        under_way = [lane for lane in self._lanes.values() if not lane.done()]
        if under_way:
            await asyncio.wait(under_way, timeout=GRACE_SECONDS)
        await _stopped(*under_way)

    async def idle(self) -> None:
        """Returns when nothing that was announced is left to do."""
        while busy := [lane for lane in self._lanes.values() if not lane.done()]:
            await asyncio.shield(asyncio.gather(*busy))

    async def _sweep(self, job: Job) -> None:
        self.announce(job)
        last = self._clock.now()
        while (tick := self._schedule.following(job, last)) is not None:
            now = self._clock.now()
            if now < tick:
                await asyncio.sleep(min((tick - now).total_seconds(), LONGEST_SLEEP_SECONDS))
                last = now if last - now > CLOCK_SET_BACK else last
                continue
            await self._ticked(job, tick, now)
            last = max(tick, self._clock.now())

    async def _ticked(self, job: Job, tick: datetime, now: datetime) -> None:
        """Announces the job, unless its tick is another's. A mistake costs the tick, and not those to come."""
        try:
            if await self._ticks.take(job, tick, self._name, now):
                self.announce(job)
        except Unavailable as error:
            log.info("The tick of %s is left out: %s", job, error)
        except Exception:
            log.exception("The tick of %s is left out", job)

    async def _run(self, job: Job) -> None:
        queues = self._queues
        while not self._closed and queues.waiting(job):
            await asyncio.sleep(DELAY_SECONDS)
            announcement = queues.take(job)
            began = monotonic()
            queues.working.add(job)
            done = await self._done_in(queues.traces.pop(announcement, None), announcement)
            if self._tally is not None and not self._closed:
                self._tally.count(Source.TASKS, failed=not done)
            queues.working.discard(job)
            await self._durations.record(job, monotonic() - began, self._clock.now())

    async def _done_in(self, context: Context | None, announcement: Announcement) -> bool:
        if context is None:
            return await self._done(announcement)
        return await asyncio.get_running_loop().create_task(self._done(announcement), context=context)

    async def _done(self, announcement: Announcement) -> bool:
        """Does the job, and says whether it was done; gives up after some retries, as the next sweep finds the work again."""
        job, parameters = announcement
        attempt = 0
        while attempt < RETRIES and not self._closed:
            began = monotonic()
            try:
                if await self._call(job, parameters) is Progress.DONE:
                    return True
            except Unavailable as error:
                if attempt == 0:
                    log.info("%s waits: %s", job, error)
                await asyncio.sleep(FIRST_RETRY_SECONDS * 2**attempt)
                attempt += 1
            except Exception:
                log.exception("%s failed", job)
                return False
            else:
                attempt = 0
                await asyncio.sleep(RESTS * (monotonic() - began))
        return False

    async def _call(self, job: Job, parameters: Parameters) -> Progress:
        self._called.add(job)
        try:
            return await self._work[job](**dict(parameters))
        finally:
            self._called.discard(job)


def _merged(one: Parameters, other: Parameters) -> Parameters:
    """Each parameter of the two, with the largest of its values."""
    values = dict(one)
    for name, value in other:
        values[name] = max(value, values.get(name, value))
    return tuple(sorted(values.items()))


async def _stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
