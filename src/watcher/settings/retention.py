"""How long what is over is kept."""

from typing import Annotated

from pydantic import BaseModel, Field


class RetentionSettings(BaseModel):
    """Days, after which it is forgotten."""

    lineage_retention_days: Annotated[
        int,
        Field(
            ge=1, le=36_500, description="Days for which lineage that is no more can be asked for by `as_of`."
        ),
    ] = 400
    retention_days: Annotated[
        int,
        Field(
            ge=90,
            le=36_500,
            description="Days for which `watcher cleanup` keeps executions, and all else that is over, by their end.",
        ),
    ] = 400
