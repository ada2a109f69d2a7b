"""Bodies about checks."""

from typing import Annotated

from pydantic import Field

from watcher.domain.timeliness import LOOKBACK_DEFAULT, LOOKBACK_LEAST, LOOKBACK_LIMIT
from watcher.entrypoints.http.bodies.fields import Body
from watcher.entrypoints.http.scalars import Integer


class TimelinessBody(Body):
    lookback_minutes: Annotated[
        int,
        Integer(LOOKBACK_LEAST, LOOKBACK_LIMIT),
        Field(
            description="How long ago a run that is over may have ended; what still runs is always judged."
        ),
    ] = LOOKBACK_DEFAULT
