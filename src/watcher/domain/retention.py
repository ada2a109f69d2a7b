"""Retention: what ended long ago is forgotten, a whole tree of executions at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from watcher.domain.clock import FIRST, Clock
from watcher.domain.errors import InvalidValue
from watcher.domain.execution import Execution

LEAST_DAYS = 90
BATCH_DEFAULT = 10_000
BATCH_LIMIT = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How many rows are gone, or would be.

    A row of the tree's closure counts with its ancestor, once: with its descendant only if the ancestor stays,
    which never happens as trees go whole.
    """

    total_pipeline_executions_deleted: int = 0
    total_timeliness_pipeline_execution_logs_deleted: int = 0
    total_anomaly_detection_results_deleted: int = 0
    total_pipeline_execution_closure_parent_deleted: int = 0
    total_pipeline_execution_closure_child_deleted: int = 0
    total_freshness_pipeline_logs_deleted: int = 0
    total_alerts_deleted: int = 0
    total_alert_messages_deleted: int = 0
    total_queue_spells_deleted: int = 0
    total_error_spells_deleted: int = 0
    total_api_keys_deleted: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        sums = {
            field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Forgotten)
        }
        return Forgotten(**sums)


Place: TypeAlias = tuple[datetime, int]
"""The `start_date` and the id of an execution: where among all of them the next batch begins."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch came to; `reached` is None when it was the last one."""

    forgotten: Forgotten
    reached: Place | None = None


@dataclass(frozen=True, slots=True)
class OldTree:
    """A tree of executions that all ended before the time that is kept; `place` is that of its root."""

    place: Place
    size: int


def gathered(trees: Iterable[OldTree], limit: int) -> list[OldTree]:
    """The first of them that together have `limit` executions or just more: no tree is divided."""
    taken: list[OldTree] = []
    size = 0
    for tree in trees:
        if size >= limit:
            break
        taken.append(tree)
        size += tree.size
    return taken


def is_old(runs: Iterable[Execution], before: datetime) -> bool:
    """Whether a tree can go: every run of it ended, and the last one before that instant."""
    return all(run.end_date is not None and run.end_date < before for run in runs)


class Aged(StrEnum):
    """What goes row by row, in the order in which it goes."""

    FRESHNESS_PIPELINE_LOGS = "freshness_pipeline_logs"
    ALERTS = "alerts"
    ALERT_MESSAGES = "alert_messages"
    QUEUE_SPELLS = "queue_spells"
    ERROR_SPELLS = "error_spells"
    API_KEYS = "api_keys"


class Retention(Protocol):
    """What is old, and how it goes.

    Old is a tree of executions, from its root down, of which every one ended before an instant; a spell of stale
    data, of too much being pending, or of too much failing, that ended before it, unless the alert of it still says
    that it lasts; an alert that was over before it; a message from before it that no alert on record began with; and a
    key that was revoked or expired before it. With an execution goes all that is only about it.
    """

    async def forget(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        """Forgets a batch of old trees of about `limit` executions, those whose roots come after a place.

        One transaction. Whole trees only, so a single one that is larger makes a larger batch; what somebody
        holds just now is left for another time.
        """
        ...

    async def forgettable(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        """What `forget` would forget now. Reads only."""
        ...

    async def forget_rows(self, kind: Aged, before: datetime, limit: int) -> int:
        """Forgets up to `limit` rows of a kind that are old at an instant; how many there were. One transaction."""
        ...

    async def forgettable_rows(self, kind: Aged, before: datetime) -> int:
        """How many rows of a kind there are to be forgotten, once those of the kinds before it are."""
        ...


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Forgets what ended longer ago than its retention, batch by batch; broken off, it can be begun again."""

    retention: Retention
    clock: Clock

    async def __call__(
        self, retention_days: int, batch_size: int = BATCH_DEFAULT, *, dry_run: bool = False
    ) -> Forgotten:
        """What was forgotten, or with `dry_run` what would be. Raises `InvalidValue`, `StoreUnavailable`."""
        if retention_days < LEAST_DAYS:
            raise InvalidValue("retention_days", f"must be at least {LEAST_DAYS}")
        if not 1 <= batch_size <= BATCH_LIMIT:
            raise InvalidValue("batch_size", f"must be between 1 and {BATCH_LIMIT:,}")
        now = self.clock.now()
        before = now - timedelta(days=min(retention_days, (now - FIRST).days))
        trees = await self._trees(before, batch_size, dry_run=dry_run)
        rows = {
            f"total_{kind}_deleted": await self._rows(kind, before, batch_size, dry_run=dry_run)
            for kind in Aged
        }
        return trees + Forgotten(**rows)

    async def _trees(self, before: datetime, batch_size: int, *, dry_run: bool) -> Forgotten:
        forget = self.retention.forgettable if dry_run else self.retention.forget
        batch = await forget(before, batch_size)
        total = batch.forgotten
        while batch.reached is not None:
            batch = await forget(before, batch_size, batch.reached)
            total += batch.forgotten
        return total

    async def _rows(self, kind: Aged, before: datetime, batch_size: int, *, dry_run: bool) -> int:
        if dry_run:
            return await self.retention.forgettable_rows(kind, before)
        total = 0
        while gone := await self.retention.forget_rows(kind, before, batch_size):
            total += gone
        return total
