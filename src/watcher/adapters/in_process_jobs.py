"""Background work inside the process that announced it, on its event loop; no broker needed."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import TypeAlias

from watcher.domain.errors import Unavailable
from watcher.domain.jobs import Job

log = logging.getLogger(__name__)

DELAY_SECONDS = 0.25
"""Between an announcement and the work: who announces much at once has it done at once."""

RETRIES = 5
FIRST_RETRY_SECONDS = 0.2
SWEEP_SECONDS: Mapping[Job, float] = {
    Job.MAINTAIN_CLOSURE: 30.0,
    Job.PRUNE_LINEAGE: 3_600.0,
    Job.CHECK_FRESHNESS: 300.0,
    Job.CHECK_TIMELINESS: 300.0,
    Job.REFRESH_DAILY_REPORT: 300.0,
    Job.SEND_ALERTS: 60.0,
}
"""How often each job looks for work that nobody announced, or whose announcement was lost."""

SLOW = frozenset({Job.SEND_ALERTS})
"""Jobs that wait for others, outside: each has a lane of its own, so that none of the rest waits with it."""

Announcement: TypeAlias = tuple[Job, tuple[tuple[str, int], ...]]
"""A job and its parameters by name."""


class InProcessJobs:
    """`Jobs` one after the other, but for the `SLOW` ones. What is announced while it runs is done once more.

    Equal announcements that wait together are one. Work that answers with a number is done again until that is 0,
    with a rest each time that is as long as the work took: the process has others to serve.
    """

    def __init__(self, work: Mapping[Job, Callable[..., Awaitable[object]]]) -> None:
        self._work = work
        self._announced: defaultdict[Job | None, dict[Announcement, None]] = defaultdict(dict)
        self._workers: dict[Job | None, asyncio.Task[None]] = {}
        self._closed = False

    def announce(self, job: Job, **parameters: int) -> None:
        lane = job if job in SLOW else None
        self._announced[lane][job, tuple(sorted(parameters.items()))] = None
        if not self._closed and (lane not in self._workers or self._workers[lane].done()):
            self._workers[lane] = asyncio.get_running_loop().create_task(self._run(self._announced[lane]))

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Announces every job now and again, for the length of the block."""
        sweeps = [asyncio.create_task(self._sweep(job, seconds)) for job, seconds in SWEEP_SECONDS.items()]
        try:
            yield
        finally:
            await _stopped(*sweeps)

    async def close(self) -> None:
        """Breaks off what is under way; it is found again by the next sweep of anybody."""
        self._closed = True
        await _stopped(*self._workers.values())

    async def idle(self) -> None:
        """Returns when nothing that was announced is left to do."""
        while under_way := [worker for worker in self._workers.values() if not worker.done()]:
            await asyncio.wait(under_way)

    async def _sweep(self, job: Job, seconds: float) -> None:
        while True:
            self.announce(job)
            await asyncio.sleep(seconds)

    async def _run(self, announced: dict[Announcement, None]) -> None:
        while announced:
            await asyncio.sleep(DELAY_SECONDS)
            announcement = next(iter(announced))
            del announced[announcement]
            await self._done(announcement)

    async def _done(self, announcement: Announcement) -> None:
        """Does the job; gives up after some retries, as the next sweep finds the work again."""
        job, parameters = announcement
        attempt = 0
        while attempt < RETRIES:
            began = monotonic()
            try:
                answer = await self._work[job](**dict(parameters))
                if not isinstance(answer, int) or answer == 0:
                    return
            except Unavailable as error:
                if attempt == 0:
                    log.info("%s waits: %s", job, error)
                await asyncio.sleep(FIRST_RETRY_SECONDS * 2**attempt)
                attempt += 1
            except Exception:
                log.exception("%s failed", job)
                return
            else:
                attempt = 0
                await asyncio.sleep(monotonic() - began)


async def _stopped(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
