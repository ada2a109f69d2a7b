"""How much goes wrong in Watcher itself: requests answered with 5xx, and tasks that fail.

Processes count by themselves and write down what they counted only where something failed. A job adds that up, and records
when it is too much, and when that is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watcher.domain.clock import Clock
from watcher.domain.jobs import Job, Jobs

KEPT = timedelta(hours=2)
"""Longer than any window: what was counted before is forgotten when something is counted."""


class Source(StrEnum):
    """What may go wrong."""

    REQUESTS = "requests"
    TASKS = "tasks"


@dataclass(frozen=True, slots=True)
class Slot:
    """What a process counted of a source in a few seconds."""

    source: Source
    began_at: datetime
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class Rate:
    """How many there were, and how many of them failed."""

    total: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What was counted within the window, and whether a spell of it lasts."""

    rate: Rate
    lasts: bool


@dataclass(frozen=True, slots=True)
class ErrorLimits:
    """When it is too much: within the window `least` failed, and they are this `share` of all."""

    window: timedelta
    least: int
    share: float

    def exceeded(self, look: Look) -> bool:
        """What lasts goes on until it is below half of both limits: a rate about a limit is one spell, and not many."""
        part = 2 if look.lasts else 1
        failed = look.rate.failed * part
        enough = failed >= self.least, failed >= self.share * look.rate.total
        return failed > 0 and (any(enough) if look.lasts else all(enough))


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSpell:
    """A time in which too much failed. The counts are those of the window in which it was found."""

    id: int
    source: Source
    total: int
    failed: int
    window_seconds: int
    opened_at: datetime
    ended_at: datetime | None = None


class ErrorRates(Protocol):
    """What was counted by all processes, and the spells on record, of which one is open at most for each source.

    Every method is one transaction, and raises `StoreUnavailable`.
    """

    async def add(self, process: str, slots: Sequence[Slot], forgotten_before: datetime) -> None:
        """Keeps what a process counted; the same slot again changes nothing. Forgets what is too old."""
        ...

    async def looked(self, since: datetime) -> Mapping[Source, Look]:
        """What was counted in slots that began since then; of each source of which there is anything."""
        ...

    async def record(
        self, opened: Mapping[Source, Rate], ended: Sequence[Source], window: timedelta, now: datetime
    ) -> Sequence[ErrorSpell]:
        """Opens and ends spells; those that it did open or end. Of such calls at the same time one does."""
        ...


class Tallies(Protocol):
    """What this process counts; that never waits or fails."""

    def count(self, source: Source, *, failed: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class CheckErrors:
    """The job that records when too much fails, and when that is over."""

    error_rates: ErrorRates
    jobs: Jobs
    clock: Clock
    limits: ErrorLimits

    async def __call__(self) -> Sequence[ErrorSpell]:
        """The spells that began or ended. Raises `StoreUnavailable`."""
        now = self.clock.now()
        found = await self.error_rates.looked(now - self.limits.window)
        exceeded = {source for source, look in found.items() if self.limits.exceeded(look)}
        opened = {
            source: look.rate for source, look in found.items() if source in exceeded and not look.lasts
        }
        ended = [source for source, look in found.items() if look.lasts and source not in exceeded]
        if not opened and not ended:
            return []
        changed = await self.error_rates.record(opened, ended, self.limits.window, now)
        if changed:
            self.jobs.announce(Job.SEND_ALERTS)
        return changed
