"""The last tick of each job, in a dictionary."""

import logging
from datetime import datetime

from watcher.domain.jobs import Job
from watcher.domain.schedule import DISBELIEVED_AHEAD, FURTHEST_AHEAD

log = logging.getLogger(__name__)


class MemoryTicks:
    """`Ticks` in a dictionary."""

    def __init__(self) -> None:
        self._last: dict[Job, tuple[datetime, str]] = {}

    async def take(self, job: Job, tick: datetime, taker: str, now: datetime) -> bool:
        if tick - now > FURTHEST_AHEAD:
            log.warning("A tick of %s at %s is not taken: it is %s, so a clock is wrong", job, tick, now)
            return False
        last = self._last.get(job)
        if last is not None:
            if tick == last[0] and taker != last[1]:
                return False
            if tick < last[0]:
                if last[0] - now <= DISBELIEVED_AHEAD:
                    return False
                log.warning("The tick of %s at %s was taken by a wrong clock: it is %s", job, last[0], now)
        self._last[job] = tick, taker
        return True

    def latest(self, now: datetime) -> datetime | None:
        """The last tick that was taken of any job, unless a wrong clock took it."""
        believed = (tick for tick, _ in self._last.values() if tick <= now + DISBELIEVED_AHEAD)
        return max(believed, default=None)
