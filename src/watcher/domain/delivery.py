"""A message of the bus, and what a worker does with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from watcher.domain.attempts import Attempts, given_up
from watcher.domain.clock import Clock
from watcher.domain.jobs import Job, Jobs, Progress, Terms, Work
from watcher.domain.schedule import Schedule, Ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as it reached a worker, perhaps not for the first time.

    `message` is its name, the same in every delivery of it. `retries` is how often its failures were made up for so
    far. `ticked_at` is when the schedule sent it, by the clock of who did; None for what was announced.
    """

    message: str
    job: Job
    parameters: Mapping[str, int]
    retries: int = 0
    ticked_at: datetime | None = None


class Performed(Enum):
    """What became of a delivery."""

    DONE = "done"
    TO_BE_CONTINUED = "to be continued"
    TAKEN_BY_ANOTHER = "taken by another"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformJob:
    """Does what a message asks for, unless another took its tick, or it ended its process too often.

    A job that has more to do when half its time is up is announced again, so that no limit ever cuts it off.
    """

    work: Mapping[Job, Work]
    schedule: Schedule
    ticks: Ticks
    attempts: Attempts
    jobs: Jobs
    clock: Clock
    terms: Mapping[Job, Terms]

    async def __call__(self, delivery: Delivery) -> Performed:
        """Raises what the job raises; the message is then to be tried again, or `ended`."""
        now = self.clock.now()
        if not await self._its_tick(delivery, now):
            await self.attempts.ended(delivery.message)
            return Performed.TAKEN_BY_ANOTHER
        if given_up(await self.attempts.begun(delivery.message, delivery.job, now), delivery.retries):
            await self.attempts.ended(delivery.message)
            return Performed.GIVEN_UP
        progress = await self._worked(delivery, now)
        await self.attempts.ended(delivery.message)
        return Performed.DONE if progress is Progress.DONE else Performed.TO_BE_CONTINUED

    async def ended(self, delivery: Delivery) -> None:
        """The message will not be tried again."""
        await self.attempts.ended(delivery.message)

    async def _its_tick(self, delivery: Delivery, now: datetime) -> bool:
        if delivery.ticked_at is None:
            return True
        tick = self.schedule.latest(delivery.job, delivery.ticked_at)
        return tick is None or await self.ticks.take(delivery.job, tick, delivery.message, now)

    async def _worked(self, delivery: Delivery, now: datetime) -> Progress:
        until = now + timedelta(seconds=self.terms[delivery.job].soft_seconds / 2)
        work = self.work[delivery.job]
        while (progress := await work(**delivery.parameters)) is Progress.MORE:
            if self.clock.now() >= until:
                self.jobs.announce(delivery.job, **delivery.parameters)
                break
        return progress
