"""Bodies about executions."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, cast

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from watcher.domain.errors import WatcherError
from watcher.domain.execution import Outcome, Record, Start
from watcher.domain.text import EXTERNAL_ID_LIMIT
from watcher.entrypoints.http.bodies.fields import (
    BIGINT,
    NO_NUL,
    Body,
    Document,
    Identity,
    Instant,
    Watermark,
)
from watcher.entrypoints.http.scalars import Integer

BULK_LIMIT = 10_000

Count: TypeAlias = Annotated[int, Integer(0, BIGINT), Field(description="Rows; null when not counted.")]
ExternalId: TypeAlias = Annotated[str, StringConstraints(max_length=EXTERNAL_ID_LIMIT, pattern=NO_NUL)]


class StartBody(Body):
    pipeline_id: Identity
    start_date: Instant | None = None
    watermark: Watermark | None = None
    next_watermark: Watermark | None = None
    parent_id: Identity | None = None
    parent_execution_id: Identity | None = Field(default=None, description="The same as `parent_id`.")
    external_id: ExternalId | None = None

    @model_validator(mode="after")
    def _one_parent(self) -> "StartBody":
        if self.parent_execution_id is not None and self.parent_id not in (None, self.parent_execution_id):
            raise ValueError("'parent_id' and 'parent_execution_id' name different executions")
        return self

    @property
    def parent(self) -> int | None:
        return self.parent_id if self.parent_execution_id is None else self.parent_execution_id


class OutcomeBody(Body):
    end_date: Instant
    completed_successfully: bool
    inserts: Count | None = None
    updates: Count | None = None
    soft_deletes: Count | None = None
    total_rows: Count | None = None
    execution_metadata: Document | None = None

    def outcome(self) -> Outcome:
        return Outcome(
            end_date=self.end_date,
            completed_successfully=self.completed_successfully,
            inserts=self.inserts,
            updates=self.updates,
            soft_deletes=self.soft_deletes,
            total_rows=self.total_rows,
            execution_metadata=self.execution_metadata,
        )


class EndBody(OutcomeBody):
    id: Identity


class RecordBody(OutcomeBody):
    pipeline_id: Identity
    start_date: Instant
    watermark: Watermark | None = None
    next_watermark: Watermark | None = None
    external_id: ExternalId | None = None

    def record(self) -> Record:
        start = Start(
            pipeline_id=self.pipeline_id,
            start_date=self.start_date,
            watermark=self.watermark,
            next_watermark=self.next_watermark,
            external_id=self.external_id,
        )
        return Record(start, self.outcome())


def _judged(value: object, handler: ValidatorFunctionWrapHandler) -> Record | ValidationError | WatcherError:
    """One bad record must not fail its neighbours: its error takes its place.

    A good one becomes the domain's at once, which is a third of the size: there may be 10,000 of them.
    """
    try:
        body: RecordBody = handler(value)
        return body.record()
    except (ValidationError, WatcherError) as error:
        return error


class BulkBody(Body):
    executions: Annotated[
        list[Annotated[RecordBody, WrapValidator(_judged)]],
        Field(max_length=BULK_LIMIT, description="Finished executions; each is judged by itself."),
    ]

    def records(self) -> Sequence[Record | ValidationError | WatcherError]:
        """What became of each, in order."""
        return cast("Sequence[Record | ValidationError | WatcherError]", self.executions)
