"""Whether Watcher can do its work now, and whether it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watcher.domain.clock import Clock
from watcher.domain.jobs import Job
from watcher.domain.schedule import Schedule

BEAT_GRACE = timedelta(minutes=2)
"""A tick that nobody took for so long after it was due is late: a busy worker takes a while."""

SWEEP_GRACE = timedelta(minutes=7)
"""Likewise of a sweep, which may take as long as its job may, and be tried again."""


class Probes(Protocol):
    """What has to be there for Watcher to serve requests."""

    async def obstacles(self) -> Sequence[str]:
        """What stands in the way at this moment, a sentence each; empty when ready."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the store shows of how Watcher is.

    `away` says why it does not answer, `outdated` what is wrong with its schema; then the others are not known, and
    `advice` may say what to do about it.
    `revision` is that of the schema. `ticked_at` is the last tick of the schedule that somebody took, and `swept_at`
    the last sweep for late runs that was completed; None where there was none yet.
    """

    away: str | None = None
    outdated: str | None = None
    advice: str | None = None
    revision: str | None = None
    ticked_at: datetime | None = None
    swept_at: datetime | None = None


class Vitals(Protocol):
    """The signs of life in the store."""

    async def read(self, now: datetime) -> Signs:
        """Two short statements; never raises for want of the store. Ticks of the future are not believed."""
        ...


class PartState(StrEnum):
    """How a part of Watcher is. `WAITING`: nothing is known of it, and nothing is due yet. `NONE`: it is not used."""

    OK = "ok"
    WAITING = "waiting"
    LATE = "late"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of Watcher; `at` is when it was last seen to work, where that is on record."""

    state: PartState
    detail: str | None = None
    at: datetime | None = None

    @property
    def well(self) -> bool:
        return self.state in (PartState.OK, PartState.WAITING, PartState.NONE)


WHILE_AWAY = Part(PartState.UNKNOWN, "It is not known while the database is away.")
OF_ANOTHER_REVISION = Part(PartState.UNKNOWN, "It is not known without a schema of this revision.")


@dataclass(frozen=True, slots=True)
class Readiness:
    """How each part is. Requests are served as long as there are no `obstacles`."""

    database: Part
    migrations: Part
    broker: Part
    beat: Part
    sweep: Part

    @property
    def parts(self) -> Mapping[str, Part]:
        return {
            "database": self.database,
            "migrations": self.migrations,
            "broker": self.broker,
            "beat": self.beat,
            "sweep": self.sweep,
        }

    @property
    def obstacles(self) -> Sequence[str]:
        """Without these no request is served."""
        return [
            part.detail or "" for part in (self.database, self.migrations) if part.state is PartState.FAILED
        ]

    @property
    def impaired(self) -> Sequence[str]:
        """What is missing without which requests are served all the same."""
        return [part.detail or "" for part in (self.broker, self.beat, self.sweep) if not part.well]


@dataclass(frozen=True, slots=True)
class JudgeReadiness:
    """How the parts are, by what the store and the broker show. A process that began just now waits for ticks."""

    schedule: Schedule
    clock: Clock
    bus: str
    since: datetime

    def __call__(self, signs: Signs, away: Sequence[str]) -> Readiness:
        """`away` is what stands between this process and the broker."""
        broker = self._broker(away)
        if signs.away is not None:
            return Readiness(Part(PartState.FAILED, signs.away), WHILE_AWAY, broker, WHILE_AWAY, WHILE_AWAY)
        database = Part(PartState.OK)
        if signs.outdated is not None:
            outdated, unknown = Part(PartState.FAILED, signs.outdated), OF_ANOTHER_REVISION
            return Readiness(database, outdated, broker, unknown, unknown)
        migrations = Part(PartState.OK, f"The schema is at revision {signs.revision}.")
        return Readiness(database, migrations, broker, self._beat(signs), self._sweep(signs))

    def _broker(self, away: Sequence[str]) -> Part:
        if self.bus == "in_process":
            return Part(PartState.NONE, "Background work is done by the servers themselves.")
        return Part(PartState.FAILED, " ".join(away)) if away else Part(PartState.OK)

    def _beat(self, signs: Signs) -> Part:
        last = signs.ticked_at
        due = [
            tick
            for job in Job
            if last is not None and (tick := self.schedule.following(job, last)) is not None
        ]
        told = "No tick of the schedule is taken: is `watcher beat` running, and a worker?"
        return self._timely(last, min(due, default=None), BEAT_GRACE, told)

    def _sweep(self, signs: Signs) -> Part:
        last = signs.swept_at
        due = None if last is None else self.schedule.following(Job.CHECK_TIMELINESS, last)
        return self._timely(last, due, SWEEP_GRACE, "No sweep is completed: does a worker do its jobs?")

    def _timely(self, last: datetime | None, due: datetime | None, grace: timedelta, told: str) -> Part:
        """`due` is when the next was to be after the `last`; before this process began it is nothing to judge by."""
        if last is not None and due is None:
            return Part(PartState.OK, at=last)
        if max(due or self.since, self.since) + grace < self.clock.now():
            return Part(PartState.LATE, told, last)
        return Part(PartState.WAITING if last is None else PartState.OK, at=last)
