"""Verdicts in words, for people: times in UTC, numbers to three digits where they are estimates."""

from datetime import datetime
from math import ceil, floor, log10

from watcher.domain.anomaly import Bucket, MetricField
from watcher.domain.anomaly_baselines import Baseline
from watcher.domain.anomaly_zeros import Drought

UNITS = {
    MetricField.DURATION_SECONDS: ("second", "seconds"),
    MetricField.INSERTS: ("row inserted", "rows inserted"),
    MetricField.UPDATES: ("row updated", "rows updated"),
    MetricField.SOFT_DELETES: ("row soft-deleted", "rows soft-deleted"),
    MetricField.TOTAL_ROWS: ("row", "rows"),
    MetricField.THROUGHPUT: ("row a second", "rows a second"),
}
DIGITS = 3
SMALLEST = 0.0001
"""Throughput has four decimals."""


def still_learning(missing: int) -> str:
    return (
        f"Learning: {missing:,} more successful {'run' if missing == 1 else 'runs'} until the first verdict."
    )


def compared(
    metric_field: MetricField,
    start_date: datetime,
    value: float,
    band: tuple[float, float],
    baseline: Baseline,
) -> str:
    """E.g. "412 rows; 31,000 to 48,000 expected on Mondays at 06:00, from 8 Mondays"."""
    low, high = band
    inside = low <= value <= high
    least, most = rounded(low, up=not inside), rounded(high, up=inside)
    told = f"{measured(metric_field, value)}; {least} to {most} expected"
    if baseline.on:
        return f"{told}, as on {baseline.on.day} {baseline.on:%B}"
    where, days = _bucket(start_date, baseline.bucket)
    times = days if days and baseline.days == baseline.size else "runs"
    latest = "the last " if baseline.bucket is Bucket.ALL else ""
    return f"{told}{where}, from {latest}{baseline.size:,} {times}"


def dried_up(metric_field: MetricField, found: Drought) -> str:
    return (
        f"{measured(metric_field, 0)} in {found.length:,} runs one after the other; "
        f"never more than {found.longest:,} before"
    )


def measured(metric_field: MetricField, value: float) -> str:
    """The exact value with its unit."""
    exact = (
        f"{value:,}"
        if isinstance(value, int)
        else f"{int(value):,}"
        if value == int(value)
        else f"{value:,.6g}"
    )
    return f"{exact} {UNITS[metric_field][value != 1]}"


def rounded(value: float, *, up: bool) -> str:
    """To three digits, never across: a value outside a band is outside the band as it is written, too."""
    if value < SMALLEST:
        return f"{SMALLEST if up and value > 0 else 0:g}"
    places = DIGITS - 1 - floor(log10(value))
    scale = 10 ** abs(places)
    toward = ceil if up else floor
    if places <= 0:
        return f"{toward(value / scale) * scale:,}"
    return f"{toward(value * scale) / scale:,.{min(places, 6)}f}".rstrip("0").rstrip(".")


def _bucket(start_date: datetime, bucket: Bucket) -> tuple[str, str]:
    weekday = f"{start_date:%A}s"
    workdays = "weekends" if start_date.weekday() > 4 else "workdays"
    at = f" at {start_date:%H:%M}"
    return {
        Bucket.ALL: ("", ""),
        Bucket.PRECEDENT: ("", ""),
        Bucket.HOUR: (at, "days"),
        Bucket.HOUR_OF_WEEKDAY_CLASS: (f" on {workdays}{at}", "days"),
        Bucket.HOUR_OF_WEEK: (f" on {weekday}{at}", weekday),
        Bucket.WEEKDAY_CLASS: (f" on {workdays}", "days"),
        Bucket.WEEKDAY: (f" on {weekday}", weekday),
    }[bucket]
