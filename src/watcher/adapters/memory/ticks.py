"""The last tick of each job, in a dictionary."""

from datetime import datetime

from watcher.domain.jobs import Job


class MemoryTicks:
    """`Ticks` in a dictionary."""

    def __init__(self) -> None:
        self._last: dict[Job, tuple[datetime, str]] = {}

    async def take(self, job: Job, tick: datetime, taker: str, now: datetime) -> bool:  # noqa: ARG002 (only PostgreSQL keeps it)
        last = self._last.get(job)
        if last is not None and (tick < last[0] or (tick == last[0] and taker != last[1])):
            return False
        self._last[job] = tick, taker
        return True
