"""One run of a pipeline: it starts, it ends once, and when it succeeds its pipeline has come further."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import ClassVar

from watcher.domain.clock import in_utc
from watcher.domain.document import Document, checked_document, same_document
from watcher.domain.errors import Conflict, Invalid, InvalidValue, NotFound
from watcher.domain.pipeline import Pipeline, checked_watermark
from watcher.domain.text import EXTERNAL_ID_LIMIT, checked_text

BIGINT_LIMIT = 2**63
MICROSECOND = timedelta(microseconds=1)


@dataclass(unsafe_hash=True)
class ExecutionNotFound(NotFound):
    id: int

    def __str__(self) -> str:
        return f"There is no pipeline execution {self.id}."


@dataclass(unsafe_hash=True)
class ParentExecutionNotFound(NotFound):
    parent_id: int

    def __str__(self) -> str:
        return f"There is no pipeline execution {self.parent_id} to be the parent."


@dataclass(unsafe_hash=True)
class ExecutionAlreadyEnded(Conflict):
    id: int
    end_date: datetime
    completed_successfully: bool

    def __str__(self) -> str:
        outcome = "succeeded" if self.completed_successfully else "failed"
        return f"Pipeline execution {self.id} already {outcome} at {self.end_date.isoformat()}, otherwise than this says."


@dataclass(unsafe_hash=True)
class ExecutionEndsBeforeStart(Invalid):
    start_date: datetime
    end_date: datetime

    def __str__(self) -> str:
        return f"end_date {self.end_date.isoformat()} is before start_date {self.start_date.isoformat()}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The beginning of a run. `external_id` is the client's own name for it, unique within its pipeline."""

    pipeline_id: int
    start_date: datetime
    watermark: str | None = None
    next_watermark: str | None = None
    parent_id: int | None = None
    external_id: str | None = None

    def __post_init__(self) -> None:
        checked_id("pipeline_id", self.pipeline_id)
        if self.parent_id is not None:
            checked_id("parent_id", self.parent_id)
        object.__setattr__(self, "start_date", in_utc("start_date", self.start_date))
        checked_watermark("watermark", self.watermark)
        checked_watermark("next_watermark", self.next_watermark)
        if self.external_id is not None:
            checked_text("external_id", self.external_id, EXTERNAL_ID_LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended. Counts are rows, 0 to 2^63 - 1; None where the client did not count."""

    COUNTS: ClassVar[tuple[str, ...]] = ("inserts", "updates", "soft_deletes", "total_rows")

    end_date: datetime
    completed_successfully: bool
    inserts: int | None = None
    updates: int | None = None
    soft_deletes: int | None = None
    total_rows: int | None = None
    execution_metadata: Document | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "end_date", in_utc("end_date", self.end_date))
        for field in self.COUNTS:
            count = getattr(self, field)
            if count is not None and not 0 <= count < BIGINT_LIMIT:
                raise InvalidValue(field, f"must be between 0 and {BIGINT_LIMIT - 1}")
        checked_document("execution_metadata", self.execution_metadata)


@dataclass(frozen=True, slots=True)
class End:
    """The outcome of the run `id`."""

    id: int
    outcome: Outcome

    def __post_init__(self) -> None:
        checked_id("id", self.id)


@dataclass(frozen=True, slots=True)
class Record:
    """A run that is over: its start and its outcome in one. Raises `ExecutionEndsBeforeStart`."""

    start: Start
    outcome: Outcome

    def __post_init__(self) -> None:
        if self.outcome.end_date < self.start.start_date:
            raise ExecutionEndsBeforeStart(self.start.start_date, self.outcome.end_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A run on record. `duration_seconds` are whole seconds, `throughput` is in rows a second."""

    id: int
    parent_id: int | None = None
    pipeline_id: int
    start_date: datetime
    end_date: datetime | None = None
    duration_seconds: int | None = None
    completed_successfully: bool | None = None
    inserts: int | None = None
    updates: int | None = None
    soft_deletes: int | None = None
    total_rows: int | None = None
    watermark: str | None = None
    next_watermark: str | None = None
    external_id: str | None = None
    execution_metadata: Document | None = None
    anomaly_flags: dict[str, bool] | None = None
    throughput: float | None = None

    @classmethod
    def begun(cls, identity: int, start: Start) -> "Execution":
        return cls(
            id=identity,
            parent_id=start.parent_id,
            pipeline_id=start.pipeline_id,
            start_date=start.start_date,
            watermark=start.watermark,
            next_watermark=start.next_watermark,
            external_id=start.external_id,
        )

    def ended(self, outcome: Outcome) -> "Execution":
        """The run with its outcome; itself when it already ended so.

        Raises `ExecutionEndsBeforeStart`, and `ExecutionAlreadyEnded` when it ended otherwise.
        """
        if outcome.end_date < self.start_date:
            raise ExecutionEndsBeforeStart(self.start_date, outcome.end_date)
        if self.end_date is not None and self.completed_successfully is not None:
            if self._ended_as(outcome):
                return self
            raise ExecutionAlreadyEnded(self.id, self.end_date, self.completed_successfully)
        return replace(
            self,
            end_date=outcome.end_date,
            duration_seconds=duration_seconds(self.start_date, outcome.end_date),
            completed_successfully=outcome.completed_successfully,
            inserts=outcome.inserts,
            updates=outcome.updates,
            soft_deletes=outcome.soft_deletes,
            total_rows=outcome.total_rows,
            execution_metadata=outcome.execution_metadata,
            throughput=throughput(outcome.total_rows, self.start_date, outcome.end_date),
        )

    def _ended_as(self, outcome: Outcome) -> bool:
        plain = ("end_date", "completed_successfully", *Outcome.COUNTS)
        return all(getattr(self, field) == getattr(outcome, field) for field in plain) and same_document(
            self.execution_metadata, outcome.execution_metadata
        )


def checked_id(field: str, identity: int) -> None:
    """Raises `InvalidValue` for what no row can have as its id."""
    if not -BIGINT_LIMIT <= identity < BIGINT_LIMIT:
        raise InvalidValue(field, "is beyond 64 bits")


def duration_seconds(start_date: datetime, end_date: datetime) -> int:
    """Whole seconds between two instants, rounded down."""
    return (end_date - start_date) // timedelta(seconds=1)


def throughput(total_rows: int | None, start_date: datetime, end_date: datetime) -> float | None:
    """Rows a second, `total_rows / exact seconds` to 4 decimals, half away from zero.

    None without rows or without duration.
    """
    microseconds = (end_date - start_date) // MICROSECOND
    if not total_rows or not microseconds:
        return None
    with localcontext(prec=60):
        exact = Decimal(total_rows) * 1_000_000 / microseconds
        return float(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def advanced(
    pipeline: Pipeline, marker: datetime | None, execution: Execution
) -> tuple[Pipeline, datetime | None]:
    """What a success does to its pipeline: the pipeline after it, and the marker after it.

    The marker is the start of the execution that last advanced the watermark: one that started earlier
    does not move it back. Where neither the execution nor the pipeline has a next watermark, the watermark
    stays. The targets' times only move forward.
    """
    after = replace(
        pipeline,
        last_target_insert=_moved(pipeline.last_target_insert, execution.inserts, execution),
        last_target_update=_moved(pipeline.last_target_update, execution.updates, execution),
        last_target_soft_delete=_moved(pipeline.last_target_soft_delete, execution.soft_deletes, execution),
        load_lineage=False,
    )
    reached = execution.next_watermark if execution.next_watermark is not None else pipeline.next_watermark
    if reached is None or (marker is not None and execution.start_date < marker):
        return after, marker
    return replace(after, watermark=reached), execution.start_date


def _moved(last: datetime | None, count: int | None, execution: Execution) -> datetime | None:
    if not count or execution.end_date is None:
        return last
    return execution.end_date if last is None else max(last, execution.end_date)
