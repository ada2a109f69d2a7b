"""The executions on record, and what is done with one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watcher.domain.clock import Clock, in_utc
from watcher.domain.errors import WatcherError
from watcher.domain.execution import End, Execution, Outcome, Record, Start
from watcher.domain.jobs import Job, Jobs
from watcher.domain.page import Page, Slice


@dataclass(frozen=True, slots=True)
class Started:
    """The run is on record. `repeated` when it already was, by its external id; `watched` as in `Ended`."""

    id: int
    repeated: bool = False
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome is on record. `repeated` when it already was.

    `watched` when it succeeded and rules are active for its pipeline: from now on it waits to be judged.
    """

    id: int
    repeated: bool = False
    watched: bool = False


class Status(StrEnum):
    """Where an execution stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @classmethod
    def of(cls, execution: Execution) -> "Status":
        return cls.after(execution.end_date, execution.completed_successfully)

    @classmethod
    def after(cls, end_date: datetime | None, completed_successfully: bool | None) -> "Status":
        if end_date is None:
            return cls.RUNNING
        return cls.SUCCEEDED if completed_successfully else cls.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Those that meet every given condition. `started_after` is inclusive, `started_before` is not."""

    pipeline_id: int | None = None
    status: Status | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    parent_id: int | None = None

    def __post_init__(self) -> None:
        for field in ("started_after", "started_before"):
            instant = getattr(self, field)
            if instant is not None:
                object.__setattr__(self, field, in_utc(field, instant))

    def admits(self, execution: Execution) -> bool:
        return (
            self.pipeline_id in (None, execution.pipeline_id)
            and self.parent_id in (None, execution.parent_id)
            and self.status in (None, Status.of(execution))
            and (self.started_after is None or execution.start_date >= self.started_after)
            and (self.started_before is None or execution.start_date < self.started_before)
        )


class Executions(Protocol):
    """The executions on record.

    The verbs `start`, `end` and `record` take many and answer with one verdict for each, in the same
    order: what became of it, or why it was refused. A refused one changes nothing and harms no other.
    Each statement of a call is one transaction: the one that does what the rules admit, and where that was
    silent about some, one more for those. All raise `StoreUnavailable`, and then nothing is acknowledged.
    """

    async def start(self, starts: Sequence[Start]) -> list[Started | WatcherError]:
        """Begins each run; its place in the tree is complete when this returns.

        An `external_id` already known to its pipeline answers with that execution, `repeated`.
        Refusals: `PipelineNotFound`, `ParentExecutionNotFound`.
        """
        ...

    async def end(self, ends: Sequence[End]) -> list[Ended | WatcherError]:
        """Gives each run its outcome, once, as if one by one in the given order.

        A success also advances its pipeline, by the rule of `advanced`. The same outcome again is
        `repeated` and changes nothing. One of a pipeline that is watched is noted as to be judged, in the same
        transaction. Refusals: `ExecutionNotFound`, `ExecutionEndsBeforeStart`, `ExecutionAlreadyEnded`.
        """
        ...

    async def record(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        """Takes runs that are over, with the effects of ending them one by one by `end_date`, then in order.

        An `external_id` already known to its pipeline answers with that execution, `repeated`; where that
        still runs, the outcome is its end. Refusals: `PipelineNotFound`, `ParentExecutionNotFound`, and
        those of `end` where the execution known ended otherwise.
        """
        ...

    async def tree(self, identity: int) -> Sequence[Execution]:
        """The execution and all below it: itself first, every parent before its children, siblings by id.

        Raises `ExecutionNotFound`.
        """
        ...

    async def page(self, wanted: ExecutionFilter, page: Page) -> Slice[Execution]:
        """Newest first: by descending `start_date`, then descending id. Raises `CursorUnknown`."""
        ...


@dataclass(frozen=True, slots=True)
class StartExecution:
    """Begins one run, now unless it says when."""

    executions: Executions
    clock: Clock

    async def __call__(
        self,
        pipeline_id: int,
        start_date: datetime | None = None,
        *,
        watermark: str | None = None,
        next_watermark: str | None = None,
        parent_id: int | None = None,
        external_id: str | None = None,
    ) -> Started:
        """Raises the refusals of `Executions.start`, `InvalidValue`, `StoreUnavailable`."""
        start = Start(
            pipeline_id=pipeline_id,
            start_date=self.clock.now() if start_date is None else start_date,
            watermark=watermark,
            next_watermark=next_watermark,
            parent_id=parent_id,
            external_id=external_id,
        )
        (verdict,) = await self.executions.start([start])
        if isinstance(verdict, WatcherError):
            raise verdict
        return verdict


@dataclass(frozen=True, slots=True)
class EndExecution:
    """Ends one run; where its pipeline is watched it is judged soon after."""

    executions: Executions
    jobs: Jobs

    async def __call__(self, identity: int, outcome: Outcome) -> Ended:
        """Raises the refusals of `Executions.end`, `StoreUnavailable`."""
        (verdict,) = await self.executions.end([End(identity, outcome)])
        if isinstance(verdict, WatcherError):
            raise verdict
        if verdict.watched:
            self.jobs.announce(Job.DETECT_ANOMALIES)
        return verdict


@dataclass(frozen=True, slots=True)
class RecordExecutions:
    """Takes runs that are over; those of pipelines that are watched are judged soon after."""

    executions: Executions
    jobs: Jobs

    async def __call__(self, records: Sequence[Record]) -> list[Started | WatcherError]:
        """One verdict for each, as `Executions.record`. Raises `StoreUnavailable`."""
        verdicts = await self.executions.record(records)
        if any(isinstance(verdict, Started) and verdict.watched for verdict in verdicts):
            self.jobs.announce(Job.DETECT_ANOMALIES)
        return verdicts
