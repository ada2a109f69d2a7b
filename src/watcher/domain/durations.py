"""How long jobs take: counted in a histogram, so that any number of processes can add to one of bounded size."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, exp, log
from typing import Protocol

from watcher.domain.jobs import Job

WINDOW = timedelta(hours=1)
P95 = 0.95
GROWTH = log(1.05)
"""Between the bounds of a bucket: so much, at most, is a percentile off."""

SHORTEST = 1e-4
BUCKETS = 360
"""From a tenth of a millisecond to more than an hour."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the runs of a job took in the window, in seconds, however they ended; `p95` is exact to 5 %."""

    count: int
    mean_seconds: float
    p95_seconds: float


class Durations(Protocol):
    """How long the jobs of the last `WINDOW` took, in all processes. Neither method fails for want of its store."""

    async def record(self, job: Job, seconds: float, now: datetime) -> None: ...

    async def measured(self, now: datetime) -> Mapping[Job, Measured]:
        """Of the jobs that ran at all. Raises `BrokerUnavailable`."""
        ...


def bucket(seconds: float) -> int:
    """The number of the bucket that a duration falls into."""
    return min(max(ceil(log(max(seconds, SHORTEST) / SHORTEST) / GROWTH), 0), BUCKETS - 1)


def summed(buckets: Mapping[int, int], seconds: float) -> Measured | None:
    """What so many durations in each bucket amount to, `seconds` in all; None of nothing."""
    count = sum(buckets.values())
    if not count:
        return None
    rank = ceil(P95 * count)
    for number in sorted(buckets):
        rank -= buckets[number]
        if rank <= 0:
            break
    return Measured(count, round(seconds / count, 6), round(SHORTEST * exp(GROWTH * number), 6))
