"""What is too much, and what is watched without being asked."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from watcher.domain.anomaly import MetricField


class WatchingSettings(BaseModel):
    """Limits of failures and of queues, and rules of new pipelines."""

    error_window: Annotated[
        int,
        Field(ge=1, le=60, description="Minutes within which failures are counted, to tell of too many."),
    ] = 5
    error_least: Annotated[
        int,
        Field(
            ge=1,
            description="Requests answered with 5xx, or failed tasks, within the window that are too many...",
        ),
    ] = 20
    error_share: Annotated[
        float, Field(gt=0, le=1, description="...if they are at least this share of all of them.")
    ] = 0.05
    queue_warning: Annotated[
        int, Field(ge=1, description="Pending messages from which on the queues are in the state `warning`.")
    ] = 50
    queue_critical: Annotated[
        int, Field(ge=1, description="Pending messages from which on the queues are in the state `critical`.")
    ] = 100
    auto_anomaly_rules: Annotated[
        tuple[MetricField, ...] | None,
        NoDecode,
        Field(
            description="Metrics for which each new pipeline gets an anomaly rule with the defaults, as "
            "`duration_seconds,total_rows`."
        ),
    ] = None

    @model_validator(mode="after")
    def _warns_before_it_is_critical(self) -> Self:
        if self.queue_warning > self.queue_critical:
            raise ValueError("WATCHER_QUEUE_WARNING must not be more than WATCHER_QUEUE_CRITICAL")
        return self

    @field_validator("auto_anomaly_rules", mode="before")
    @classmethod
    def _by_commas(cls, metrics: object) -> object:
        """Names between commas, each once."""
        if not isinstance(metrics, str):
            return metrics
        return tuple(dict.fromkeys(name.strip() for name in metrics.split(",") if name.strip()))
