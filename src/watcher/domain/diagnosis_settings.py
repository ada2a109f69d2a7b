"""Settings that contradict each other, or the database."""

from collections.abc import Iterator
from dataclasses import dataclass

from watcher.domain.diagnosis import Finding, failed, ok, warning
from watcher.domain.diagnosis_database import DatabaseFacts

CONNECTIONS_OF_A_WORKER = 2
"""That a process of `watcher worker` holds, unless its pool size is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How the settings have Watcher run. `pool_size` is 0 where it follows from the database's limit."""

    workers: int
    worker_concurrency: int
    pool_size: int
    database_timeout: float
    graceful_timeout: float
    retention_days: int
    broker: bool
    channels: int


def contradictions(plan: Arrangement, facts: DatabaseFacts | None) -> Iterator[Finding]:
    """What does not go together; one finding that all does, where it does."""
    found = [*_alone(plan), *(() if facts is None else _beside(plan, facts))]
    yield from found or [ok("settings", "none contradict each other, or the database")]


def _alone(plan: Arrangement) -> Iterator[Finding]:
    if plan.graceful_timeout < 2 * plan.database_timeout:
        yield warning(
            "settings",
            f"WATCHER_GRACEFUL_TIMEOUT is {plan.graceful_timeout:g} s, and a request may take twice "
            f"WATCHER_DATABASE_TIMEOUT, {2 * plan.database_timeout:g} s: a stop may break requests off",
            "Raise the one or lower the other.",
        )
    if not plan.channels:
        yield warning(
            "settings",
            "alerts go nowhere: there is no channel",
            "Set WATCHER_ALERT_CHANNELS, and see `watcher alerts test`.",
        )


def _beside(plan: Arrangement, facts: DatabaseFacts) -> Iterator[Finding]:
    asked = plan.pool_size * plan.workers
    if plan.broker:
        asked += (plan.pool_size or CONNECTIONS_OF_A_WORKER) * plan.worker_concurrency
    if asked > facts.usable:
        yield failed(
            "settings",
            f"WATCHER_WORKERS, WATCHER_WORKER_CONCURRENCY and WATCHER_POOL_SIZE make up to {asked} connections, "
            f"and the database admits {facts.usable}",
            "Lower WATCHER_POOL_SIZE, or leave it at 0, which derives it.",
        )
    if 0 < facts.statement_seconds < plan.database_timeout:
        yield warning(
            "settings",
            f"the database ends statements after {facts.statement_seconds:g} s, before WATCHER_DATABASE_TIMEOUT, "
            f"{plan.database_timeout:g} s, is up; jobs need more",
            "Take statement_timeout away from Watcher's role: Watcher bounds its statements itself.",
        )
    lookback = facts.work.lookback_days if facts.work is not None else None
    if lookback is not None and plan.retention_days < lookback:
        yield warning(
            "settings",
            f"WATCHER_RETENTION_DAYS is {plan.retention_days}, and an anomaly rule looks back {lookback} days",
            "Keep runs for as long as rules look back.",
        )
