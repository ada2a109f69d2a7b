"""Bodies about maintenance."""

from typing import Annotated

from pydantic import Field

from watcher.domain.retention import BATCH_DEFAULT, BATCH_LIMIT, LEAST_DAYS
from watcher.entrypoints.http.bodies.fields import BIGINT, Body
from watcher.entrypoints.http.scalars import Integer


class CleanUpBody(Body):
    retention_days: Annotated[
        int,
        Integer(LEAST_DAYS, BIGINT),
        Field(description="Days to keep what ended."),
    ]
    batch_size: Annotated[
        int,
        Integer(1, BATCH_LIMIT),
        Field(description="Executions to delete in one transaction; a larger tree still goes whole."),
    ] = BATCH_DEFAULT
