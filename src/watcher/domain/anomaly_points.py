"""A sample of earlier runs as columns of numbers: how long ago, how large, how far from what came just before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import expm1, log1p
from operator import sub

from watcher.domain.anomaly import MetricField, Observation
from watcher.domain.anomaly_sample import LATENESS, Sample
from watcher.domain.anomaly_scale import middle

LEVEL_RUNS = 7
"""The level is the median of that many runs: a spike does not move it, four shifted runs do."""

LEVEL_SUPPORT = 3
"""Fewer runs have no level."""

TARGETS = 2
"""The last runs of each stretch that may be compared with: those before them only give the level."""

DAY = 86_400
HALF_HOUR = 1_800

SLOW = 20 * 3_600
"""Pipelines whose usual gap between runs is longer, in seconds, have weekdays but no hours."""

SHARE_OF_GAP = 0.75
"""Runs of a time of day are no further aside than this share of the usual gap, so that each day has one."""

LINEAR = frozenset({MetricField.THROUGHPUT})
"""Ratios; everything else is judged by its logarithm."""

COUNTS = frozenset(MetricField) - LINEAR - {MetricField.DURATION_SECONDS}
"""The metrics of which none is a thing of its own."""

LARGEST_LOGARITHM = 100.0
"""Beyond any BIGINT (43.7), and far from what floating point cannot hold."""


@dataclass(slots=True)
class Points:
    """Earlier runs with rows, a column for each of their properties.

    Seen from the judged run they were `days` ago, give or take `aside` seconds. `sizes` are on the metric's
    scale, `steps` their distance from the level of the runs before, `gaps` the seconds since the run before.
    """

    days: list[int] = field(default_factory=list)
    aside: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    flags: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.days)

    def extend(self, runs: "_Runs", first: int = 0, within: float = DAY) -> None:
        """Adds the runs from the one at `first` that have a level and are no further aside than `within`."""
        sizes, ages = runs.sizes, runs.ages
        for index in range(max(LEVEL_SUPPORT, first), len(sizes)):
            day = round(ages[index] / DAY)
            aside = abs(ages[index] - day * DAY)
            if aside > within:
                continue
            before = sorted(sizes[index - LEVEL_RUNS if index > LEVEL_RUNS else 0 : index])
            self.days.append(day)
            self.aside.append(aside)
            self.sizes.append(sizes[index])
            self.steps.append(sizes[index] - middle(before))
            self.gaps.append(ages[index - 1] - ages[index])
            self.flags.append(runs.flags[index])


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the runs before the judged one.

    `recent` are the latest, `alike` those of them all that it may be compared with. `level` is None before
    there are three runs with rows. `gap` are the seconds since the last run of all.
    """

    recent: Points
    alike: Points
    level: float | None
    slow: bool
    gap: float


@dataclass(frozen=True, slots=True)
class _Runs:
    """Consecutive runs with rows: their ages in seconds, their sizes, and whether they were flagged."""

    ages: list[float]
    sizes: list[float]
    flags: list[bool]


def known(metric_field: MetricField, start_date: datetime, sample: Sample) -> Known:
    """The runs with rows in a sample that has any; those without are judged by their own rate."""
    latest = _runs(metric_field, start_date, sample.recent)
    level = middle(sorted(latest.sizes[-LEVEL_RUNS:])) if len(latest.sizes) >= LEVEL_SUPPORT else None
    recent = Points()
    recent.extend(latest)
    usual = _usual_gap(sample.recent)
    slow = usual > SLOW
    alike = recent if slow else Points()
    if not slow:
        within = min(HALF_HOUR, max(LATENESS.total_seconds(), SHARE_OF_GAP * usual))
        for stretch in sample.earlier:
            runs = _runs(metric_field, start_date, stretch)
            alike.extend(runs, len(runs.sizes) - TARGETS, within)
        alike.extend(latest, within=within)
    return Known(recent, alike, level, slow, (start_date - sample.recent[-1].start_date).total_seconds())


def scaled(metric_field: MetricField, value: float) -> float:
    """From the metric's unit to the scale it is judged on: log(1 + value) of counts and durations."""
    return float(value) if metric_field in LINEAR else log1p(value)


def unscaled(metric_field: MetricField, size: float) -> float:
    """Back to the metric's unit, which is never negative."""
    return max(0.0, size if metric_field in LINEAR else expm1(min(size, LARGEST_LOGARITHM)))


def _runs(metric_field: MetricField, start_date: datetime, runs: Sequence[Observation]) -> _Runs:
    there = [run for run in runs if run.value > 0] if metric_field in COUNTS else runs
    values = [run.value for run in there]
    return _Runs(
        [(start_date - run.start_date).total_seconds() for run in there],
        [float(value) for value in values] if metric_field in LINEAR else list(map(log1p, values)),
        [run.flagged for run in there],
    )


def _usual_gap(runs: Sequence[Observation]) -> float:
    """The median of the seconds between runs."""
    starts = [run.start_date for run in runs]
    gaps = sorted(map(sub, starts[1:], starts))
    return gaps[len(gaps) // 2].total_seconds() if gaps else 0.0
