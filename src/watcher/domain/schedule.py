"""When jobs look for work by themselves, and how many programs with one schedule do it once."""

from datetime import datetime, timedelta
from typing import Protocol

from watcher.domain.jobs import Job

FURTHEST_AHEAD = timedelta(minutes=5)
"""A tick that is further ahead of its taker's clock is not taken: one of the two clocks is wrong."""

DISBELIEVED_AHEAD = timedelta(minutes=1)
"""A recorded tick that is further ahead keeps nobody from an earlier one: who took it had a wrong clock."""


class Schedule(Protocol):
    """The instants at which jobs look for work. Times are in UTC."""

    def following(self, job: Job, after: datetime) -> datetime | None:
        """The first tick of the job after an instant; None where there is none to come."""
        ...

    def latest(self, job: Job, at: datetime) -> datetime | None:
        """The last tick of the job up to and including an instant; None where none was in the years before."""
        ...


class Ticks(Protocol):
    """Which tick of each job was the last that somebody took. Every method is one transaction."""

    async def take(self, job: Job, tick: datetime, taker: str, now: datetime) -> bool:
        """Whether the tick is the taker's to do: no other had it before, nor any later one.

        Who took it may take it again, so that a message which is delivered twice is not lost between the two.
        Nobody's is a tick that is `FURTHEST_AHEAD` of `now`; a recorded one that is `DISBELIEVED_AHEAD` of it is
        overridden by an earlier one. Both are logged as warnings.
        """
        ...
