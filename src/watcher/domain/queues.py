"""What waits in the queues of the bus, and when that is too much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watcher.domain.clock import Clock
from watcher.domain.durations import Durations, Measured
from watcher.domain.errors import Unavailable
from watcher.domain.jobs import Job, Jobs


@dataclass(unsafe_hash=True)
class BrokerUnavailable(Unavailable):
    """The broker of background work did not answer in time, or is not there.

    `advice` is what whoever runs Watcher can do about it; clients are not told.
    """

    reason: str
    advice: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"The broker is not available: {self.reason}."


class Queue(StrEnum):
    """Where work waits: what was announced, and what the schedule sends."""

    TRIGGERED = "celery"
    SCHEDULED = "scheduled"


class QueueState(StrEnum):
    """How much waits, by the thresholds of the settings."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits now, and who is there to do it.

    `queues` counts by queue and `tasks` by task; of very long queues only the `looked_at` messages at both ends are
    counted by task. `in_progress` were taken by a worker and not finished. `oldest_seconds` is the age of the oldest
    that waits, None where nothing does.
    """

    queues: Mapping[str, int]
    tasks: Mapping[str, int]
    looked_at: int
    in_progress: int
    oldest_seconds: float | None
    workers: int

    @property
    def pending(self) -> int:
        return sum(self.queues.values())


class Queues(Protocol):
    """The queues of the bus."""

    async def backlog(self, now: datetime) -> Backlog:
        """Reads only, and never for long. Raises `BrokerUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """From how many pending messages on a backlog is one to warn of."""

    warning: int
    critical: int

    def judged(self, backlog: Backlog) -> QueueState:
        """What waits without any worker to do it is critical, however little it is."""
        if backlog.pending >= self.critical or (backlog.pending and not backlog.workers):
            return QueueState.CRITICAL
        return QueueState.WARNING if backlog.pending >= self.warning else QueueState.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpell:
    """A time in which too much was pending; `state` is warning or critical, `pending` what it was at the beginning."""

    id: int
    state: QueueState
    pending: int
    opened_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueuesChecked:
    """What one look changed on record. From warning to critical, or back, one spell ends and another begins."""

    opened: QueueSpell | None = None
    ended: QueueSpell | None = None


class QueueSpells(Protocol):
    """The spells on record, of which one is open at most. Every method is one transaction."""

    async def record(self, state: QueueState, pending: int, now: datetime) -> QueuesChecked:
        """Ends the open spell unless it has this state, and opens one of this state unless that is `OK`.

        Of looks at the same time one opens or ends a spell, and only that one says so.
        """
        ...


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """What a look at the queues found."""

    backlog: Backlog
    state: QueueState
    durations: Mapping[Job, Measured]


@dataclass(frozen=True, slots=True)
class MonitorQueues:
    """The job that looks at the queues and records when too much is pending, and when that is over."""

    queues: Queues
    durations: Durations
    queue_spells: QueueSpells
    jobs: Jobs
    clock: Clock
    limits: Limits

    async def __call__(self) -> QueueHealth:
        """Raises `BrokerUnavailable`, `StoreUnavailable`."""
        now = self.clock.now()
        backlog = await self.queues.backlog(now)
        state = self.limits.judged(backlog)
        checked = await self.queue_spells.record(state, backlog.pending, now)
        if checked.opened or checked.ended:
            self.jobs.announce(Job.SEND_ALERTS)
        return QueueHealth(backlog, state, await self.durations.measured(now))
