"""What an anomaly rule asks of a run, and what the answer says."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from watcher.domain.clock import in_utc
from watcher.domain.errors import InvalidValue
from watcher.domain.execution import checked_id

Z_LIMIT = 10.0
LOOKBACK_LIMIT = 365
MINIMUM_LIMITS = (5, 1000)


class MetricField(StrEnum):
    """A number of an execution that can be watched."""

    DURATION_SECONDS = "duration_seconds"
    INSERTS = "inserts"
    UPDATES = "updates"
    SOFT_DELETES = "soft_deletes"
    TOTAL_ROWS = "total_rows"
    THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyRule:
    """How one metric of one pipeline is judged. Raises `InvalidValue` beyond the bounds.

    `z_threshold` is in robust standard deviations of one-step residuals, `lookback_days` in days,
    `minimum_executions` in prior successful runs that have the metric.
    """

    pipeline_id: int
    metric_field: MetricField
    z_threshold: float = 3.0
    lookback_days: int = 30
    minimum_executions: int = 30
    active: bool = True

    def __post_init__(self) -> None:
        checked_id("pipeline_id", self.pipeline_id)
        if not 0 < self.z_threshold <= Z_LIMIT:
            raise InvalidValue("z_threshold", f"must be above 0 and at most {Z_LIMIT:g}")
        if not 1 <= self.lookback_days <= LOOKBACK_LIMIT:
            raise InvalidValue("lookback_days", f"must be between 1 and {LOOKBACK_LIMIT}")
        least, most = MINIMUM_LIMITS
        if not least <= self.minimum_executions <= most:
            raise InvalidValue("minimum_executions", f"must be between {least} and {most}")


@dataclass(frozen=True, slots=True)
class Observation:
    """The metric of a successful run: seconds, rows or rows a second, never negative.

    `flagged`: it was judged anomalous, and nobody has taken that back.
    """

    start_date: datetime
    value: float
    flagged: bool = False

    def __post_init__(self) -> None:
        if self.start_date.tzinfo is not UTC or type(self.start_date) is not datetime:  # there are very many
            object.__setattr__(self, "start_date", in_utc("start_date", self.start_date))


class Standing(StrEnum):
    """What a verdict comes to."""

    LEARNING = "learning"
    NORMAL = "normal"
    ANOMALOUS = "anomalous"


class Bucket(StrEnum):
    """The earlier runs that a run is compared with; "hour" is within half an hour of its time of day.

    `PRECEDENT` is a single run: of a week or two before, or of the same day of the month before.
    """

    ALL = "all"
    HOUR = "hour"
    HOUR_OF_WEEKDAY_CLASS = "hour_of_weekday_class"
    HOUR_OF_WEEK = "hour_of_week"
    WEEKDAY_CLASS = "weekday_class"
    WEEKDAY = "weekday"
    PRECEDENT = "precedent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was made of one run.

    `expected`, `low` and `high` are in the metric's unit; values from low to high are normal. `score` is in
    robust standard deviations, negative below what was expected. `history_size` counts the runs compared
    with, `missing` the runs still to come before there is a verdict. All but `missing` and `sentence` are
    None or 0 while learning.
    """

    standing: Standing
    sentence: str
    missing: int = 0
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    score: float | None = None
    bucket: Bucket | None = None
    history_size: int = 0

    @property
    def anomalous(self) -> bool:
        return self.standing is Standing.ANOMALOUS
