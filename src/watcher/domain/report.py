"""The daily report: what the runs of a pipeline that started on one day, in UTC, add up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from math import floor
from typing import Protocol

from watcher.domain.errors import InvalidValue
from watcher.domain.execution import BIGINT_LIMIT, MICROSECOND, Execution
from watcher.domain.page import Slice
from watcher.domain.text import PIPELINE_NAME_LIMIT, checked_text, folded, folded_part

P95 = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotals:
    """The sums of one day's runs, those that still run only in `executions` and `running`.

    Durations are in microseconds. `timed_rows` and `timed_duration` are of the runs that have a throughput:
    those with rows and a duration above zero.
    """

    executions: int
    running: int
    failures: int
    inserts: int
    updates: int
    soft_deletes: int
    total_rows: int
    duration: int
    timed_rows: int
    timed_duration: int
    p95_duration: float | None

    @classmethod
    def of(cls, runs: Iterable[Execution]) -> "DayTotals":
        runs = list(runs)
        ended = [(run, (run.end_date - run.start_date) // MICROSECOND) for run in runs if run.end_date]
        timed = [(run.total_rows or 0, duration) for run, duration in ended if run.throughput is not None]
        return cls(
            executions=len(runs),
            running=len(runs) - len(ended),
            failures=sum(not run.completed_successfully for run, _ in ended),
            inserts=sum(run.inserts or 0 for run, _ in ended),
            updates=sum(run.updates or 0 for run, _ in ended),
            soft_deletes=sum(run.soft_deletes or 0 for run, _ in ended),
            total_rows=sum(run.total_rows or 0 for run, _ in ended),
            duration=sum(duration for _, duration in ended),
            timed_rows=sum(rows for rows, _ in timed),
            timed_duration=sum(duration for _, duration in timed),
            p95_duration=percentile([float(duration) for _, duration in ended], P95),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDay:
    """One pipeline's day in UTC; a run belongs to the day on which it started.

    `error_percentage` is that of the runs that ended, durations are theirs too, failed ones included, in
    seconds; all are null where none ended. `throughput` is rows a second over the runs that have one.
    Sums end at 9,223,372,036,854,775,807.
    """

    day: date
    pipeline_id: int
    pipeline_name: str
    pipeline_type_name: str
    executions: int
    running: int
    failures: int
    error_percentage: float | None
    inserts: int
    updates: int
    soft_deletes: int
    total_rows: int
    mean_duration_seconds: float | None
    p95_duration_seconds: float | None
    throughput: float | None

    @classmethod
    def of(cls, key: "DayKey", name: str, type_name: str, totals: DayTotals) -> "PipelineDay":
        ended = totals.executions - totals.running
        return cls(
            day=key.day,
            pipeline_id=key.pipeline_id,
            pipeline_name=name,
            pipeline_type_name=type_name,
            executions=totals.executions,
            running=totals.running,
            failures=totals.failures,
            error_percentage=_quotient(100 * totals.failures, ended, 2),
            inserts=_bounded(totals.inserts),
            updates=_bounded(totals.updates),
            soft_deletes=_bounded(totals.soft_deletes),
            total_rows=_bounded(totals.total_rows),
            mean_duration_seconds=_quotient(totals.duration, 1_000_000 * ended, 6),
            p95_duration_seconds=None
            if totals.p95_duration is None
            else round(totals.p95_duration) / 1_000_000,
            throughput=_quotient(1_000_000 * totals.timed_rows, totals.timed_duration, 4),
        )

    @property
    def key(self) -> "DayKey":
        return DayKey(self.day, self.pipeline_id)


@dataclass(frozen=True, slots=True)
class DayKey:
    """Which row of the report; as text, what a page continues after: `2026-03-01_17`."""

    day: date
    pipeline_id: int

    def __str__(self) -> str:
        return f"{self.day.isoformat()}_{self.pipeline_id}"

    @classmethod
    def read(cls, text: str) -> "DayKey":
        """Raises `InvalidValue`."""
        day, _, identity = text.partition("_")
        try:
            key = cls(date.fromisoformat(day), int(identity))
        except ValueError:
            raise InvalidValue("after", "must be a day and a pipeline's id, as in 2026-03-01_17") from None
        if not -BIGINT_LIMIT <= key.pipeline_id < BIGINT_LIMIT:
            raise InvalidValue("after", "has an id beyond 64 bits")
        return key


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Those that meet every given condition. Both days are inclusive; names in any spelling.

    Raises `InvalidValue`.
    """

    pipeline_id: int | None = None
    pipeline_name: str | None = None
    name_contains: str | None = None
    pipeline_type: str | None = None
    day_from: date | None = None
    day_to: date | None = None

    def __post_init__(self) -> None:
        if self.name_contains is not None:
            checked_text("name_contains", self.name_contains, PIPELINE_NAME_LIMIT)
        if self.name_contains == "":
            raise InvalidValue("name_contains", "must not be empty")

    def admits_name(self, name: str) -> bool:
        """Whether a pipeline of this name has the wanted part in it."""
        return self.name_contains is None or folded_part(self.name_contains) in folded(name)


class DailyReport(Protocol):
    """What pipelines did, day by day. True at any time: of the runs on record when it is asked for."""

    async def page(self, wanted: ReportFilter, limit: int, after: DayKey | None = None) -> Slice[PipelineDay]:
        """The last day first, and within a day by ascending pipeline id; those that follow `after`."""
        ...

    async def certain(self) -> int:
        """An id up to which every run there will ever be is on record by now.

        Waits for those who are about to add to it, but holds up nobody; 0 when that takes too long.
        """
        ...

    async def refresh(self, known_to: int) -> bool:
        """Keeps some more days ready: of runs up to an id that was `certain`, and where runs ended.

        One transaction; answers whether there is more to do. Changes no answer, only its speed. False as well
        when somebody else is at it just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class RefreshDailyReport:
    """The job that keeps days of the report ready. Harmless to repeat and to run in many places at once."""

    daily_report: DailyReport

    async def __call__(self) -> None:
        known_to = await self.daily_report.certain()
        while await self.daily_report.refresh(known_to):
            pass


def percentile(values: list[float], fraction: float) -> float | None:
    """Interpolated between the two nearest values, as `percentile_cont` of SQL does; None of nothing."""
    if not values:
        return None
    values = sorted(values)
    position = fraction * (len(values) - 1)
    low = floor(position)
    if low == position:
        return values[low]
    return values[low] + (position - low) * (values[low + 1] - values[low])


def _quotient(dividend: int, divisor: int, decimals: int) -> float | None:
    """Exact, then rounded half up; None of nothing."""
    scale = 10**decimals
    return (2 * dividend * scale + divisor) // (2 * divisor) / scale if divisor else None


def _bounded(total: int) -> int:
    return min(total, BIGINT_LIMIT - 1)
