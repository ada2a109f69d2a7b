"""What requests have in their path or query."""

from typing import Annotated

from fastapi import Path, Query

from watcher.domain.page import MAXIMUM_LIMIT
from watcher.entrypoints.http.bodies.fields import BIGINT

Id = Annotated[int, Path(ge=-BIGINT - 1, le=BIGINT)]
Limit = Annotated[int, Query(ge=1, le=MAXIMUM_LIMIT, description="Most rows in one answer.")]
After = Annotated[
    int | None, Query(ge=-BIGINT - 1, le=BIGINT, description="The id of the last row of the page before.")
]
OptionalId = Annotated[int | None, Query(ge=-BIGINT - 1, le=BIGINT)]
