"""What a look into the broker finds, and what that means."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.diagnosis import Finding, failed, listed, milliseconds, ok, warning
from watcher.domain.diagnosis_database import SLOW_SECONDS
from watcher.domain.queues import Backlog, BrokerUnavailable, Limits, QueueState


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """What a look into the broker found. Of a broker that is no Redis little can be told: None."""

    version: str | None
    answer_seconds: float
    eviction: str | None
    appends: bool | None
    backlog: Backlog


class BrokerExams(Protocol):
    """Looks into the broker for a person; reads only, and never for long."""

    async def examined(self) -> BrokerFacts | BrokerUnavailable | None:
        """The facts, why they cannot be had, or None where there is no broker."""
        ...


def judged(facts: BrokerFacts, limits: Limits) -> Iterator[Finding]:
    """All that the facts mean."""
    yield ok("broker", facts.version or "it is no Redis, so little can be told of it")
    yield _latency(facts)
    if facts.eviction is not None:
        yield _eviction(facts.eviction)
    if facts.appends is not None:
        yield _persistence(appends=facts.appends)
    yield _queues(facts.backlog, limits)
    yield _workers(facts.backlog)


def _latency(facts: BrokerFacts) -> Finding:
    told = f"answers within {milliseconds(facts.answer_seconds)}"
    if facts.answer_seconds < SLOW_SECONDS:
        return ok("broker latency", told)
    return warning("broker latency", told, "Run the broker near the workers.")


def _eviction(policy: str) -> Finding:
    if policy == "noeviction":
        return ok("broker memory", "it evicts nothing")
    told = f"maxmemory-policy is {policy}: where memory is short, it drops queues"
    return warning("broker memory", told, "CONFIG SET maxmemory-policy noeviction, and in its configuration.")


def _persistence(*, appends: bool) -> Finding:
    if appends:
        return ok("broker persistence", "a restart keeps what waits")
    told = "appendonly is off: a restart drops what waits, which the next ticks find again"
    return warning("broker persistence", told, "CONFIG SET appendonly yes, and in its configuration.")


def _queues(backlog: Backlog, limits: Limits) -> Finding:
    lengths = listed([f"{name} {length:,}" for name, length in backlog.queues.items()])
    told = f"{backlog.pending:,} pending ({lengths}), {backlog.in_progress:,} in progress"
    if backlog.oldest_seconds is not None:
        told += f", the oldest for {backlog.oldest_seconds:,.0f} s"
    advice = "Start more workers, or see in their logs what holds them up."
    match limits.judged(backlog):
        case QueueState.OK:
            return ok("queues", told)
        case QueueState.WARNING:
            return warning("queues", told, advice)
        case QueueState.CRITICAL:
            return failed("queues", told, advice)


def _workers(backlog: Backlog) -> Finding:
    if backlog.workers:
        return ok("workers", f"{backlog.workers:,} alive")
    return failed("workers", "none is alive", "Start `watcher worker`: nobody does the background work.")
