"""How long jobs took in this process, in dictionaries."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from watcher.domain.durations import WINDOW, Measured, bucket, summed
from watcher.domain.jobs import Job

MINUTES = int(WINDOW.total_seconds()) // 60


class MemoryDurations:
    """`Durations` of one process, by the minute."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[Job, Counter[int]]] = {}
        self._seconds: dict[int, Counter[Job]] = {}

    async def record(self, job: Job, seconds: float, now: datetime) -> None:
        minute = self._forgetting(now)
        self._buckets.setdefault(minute, {}).setdefault(job, Counter())[bucket(seconds)] += 1
        microseconds = round(seconds * 1_000_000)
        self._seconds.setdefault(minute, Counter())[job] += microseconds

    async def measured(self, now: datetime) -> Mapping[Job, Measured]:
        self._forgetting(now)
        found = {}
        for job in Job:
            buckets: Counter[int] = Counter()
            for minute in self._buckets.values():
                buckets.update(minute.get(job, ()))
            microseconds = sum(minute[job] for minute in self._seconds.values())
            if measured := summed(buckets, microseconds / 1_000_000):
                found[job] = measured
        return found

    def _forgetting(self, now: datetime) -> int:
        """The present minute; those before the window are forgotten."""
        minute = int(now.timestamp()) // 60
        for each in [each for each in self._buckets if each <= minute - MINUTES]:
            del self._buckets[each], self._seconds[each]
        return minute
