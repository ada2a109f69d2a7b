"""Earlier runs as columns of numbers: how large, and how far from what came just before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import expm1, log1p

from watcher.domain.anomaly import MetricField, Observation
from watcher.domain.anomaly_sample import RECENT_RUNS, Cuts, Sample
from watcher.domain.anomaly_scale import middle
from watcher.domain.anomaly_times import LEVEL_RUNS, LEVEL_SUPPORT, Places, Times, timed

LINEAR = frozenset({MetricField.THROUGHPUT})
"""Ratios; everything else is judged by its logarithm."""

COUNTS = frozenset(MetricField) - LINEAR - {MetricField.DURATION_SECONDS}
"""The metrics of which none is a thing of its own."""

LARGEST_LOGARITHM = 100.0
"""Beyond any BIGINT (43.7), and far from what floating point cannot hold."""


@dataclass(frozen=True, slots=True)
class Past:
    """Earlier successful runs, ascending by start, and where among them the sample is.

    `values` are in the metric's unit, `sizes` the same on the scale it is judged on; `empty` where some of them are
    without rows, and that is a thing of its own.
    """

    starts: Sequence[datetime]
    values: Sequence[float]
    sizes: Sequence[float]
    flags: Sequence[bool]
    empty: bool
    cuts: Cuts

    @classmethod
    def of(cls, metric_field: MetricField, sample: Sample) -> "Past":
        """A sample of which each part is in order."""
        runs: list[Observation] = []
        stretches: list[tuple[int, int]] = []
        for stretch in sample.earlier:
            stretches.append((len(runs), len(runs) + len(stretch)))
            runs += stretch
        first = len(runs)
        runs += sample.recent
        values = [run.value for run in runs]
        sizes, empty = sized(metric_field, values)
        flags = [run.flagged for run in runs]
        cuts = Cuts(first, len(runs), stretches)
        return cls([run.start_date for run in runs], values, sizes, flags, empty, cuts)

    def __len__(self) -> int:
        """How many of the latest runs there are."""
        return self.cuts.end - self.cuts.first

    def latest(self) -> "Past":
        """The same with no more of the latest runs than count."""
        cuts = self.cuts
        if len(self) <= RECENT_RUNS:
            return self
        short = Cuts(cuts.end - RECENT_RUNS, cuts.end, cuts.stretches)
        return Past(self.starts, self.values, self.sizes, self.flags, self.empty, short)

    def sample(self) -> Sample:
        def runs(low: int, high: int) -> Sequence[Observation]:
            return list(map(Observation, self.starts[low:high], self.values[low:high], self.flags[low:high]))

        cuts = self.cuts
        return Sample(runs(cuts.first, cuts.end), [runs(*span) for span in cuts.stretches])

    def with_rows(self) -> "Past":
        """The sample without the runs that have none; those are judged by their own rate."""
        there: list[int] = []
        spans = []
        for low, high in (*self.cuts.stretches, (self.cuts.first, self.cuts.end)):
            begin = len(there)
            there += [index for index in range(low, high) if self.values[index] > 0]
            spans.append((begin, len(there)))
        return Past(
            [self.starts[index] for index in there],
            [self.values[index] for index in there],
            [self.sizes[index] for index in there],
            [self.flags[index] for index in there],
            empty=False,
            cuts=Cuts(*spans[-1], spans[:-1]),
        )


@dataclass(frozen=True, slots=True)
class Points:
    """Runs that have a level: their sizes on the metric's scale, and their distance from the level of those before.

    `flags` are empty where none is flagged.
    """

    sizes: list[float]
    steps: list[float]
    flags: list[bool]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the runs before the judged one.

    `recent` are the latest, `alike` those of them all that it may be compared with. `level` is None before
    there are three runs with rows.
    """

    times: Times
    recent: Points
    alike: Points
    level: float | None


def known(start_date: datetime, past: Past, times: Times) -> Known:
    """What the sample says, of which `times` are the times: of all runs in it, with rows or without."""
    if past.empty:
        past = past.with_rows()
        times = timed(start_date, past.starts, past.cuts, (times.usual, times.gap))
    latest = past.sizes[max(past.cuts.first, past.cuts.end - LEVEL_RUNS) : past.cuts.end]
    level = middle(sorted(latest)) if len(latest) >= LEVEL_SUPPORT else None
    recent = _points(past, times.recent)
    alike = recent if times.alike is times.recent else _and(_points(past, times.stretches), recent, times)
    return Known(times, _flagged(recent), _flagged(alike), level)


def scaled(metric_field: MetricField, value: float) -> float:
    """From the metric's unit to the scale it is judged on: log(1 + value) of counts and durations."""
    return float(value) if metric_field in LINEAR else log1p(value)


def unscaled(metric_field: MetricField, size: float) -> float:
    """Back to the metric's unit, which is never negative."""
    return max(0.0, size if metric_field in LINEAR else expm1(min(size, LARGEST_LOGARITHM)))


def sized(metric_field: MetricField, values: Sequence[float]) -> tuple[list[float], bool]:
    """The values on the metric's scale, and whether some are without rows, where that is a thing of its own."""
    if metric_field in LINEAR:
        return list(map(float, values)), False
    if metric_field in COUNTS and values and min(values) <= 0:
        return [log1p(value) if value > 0 else 0.0 for value in values], True
    return list(map(log1p, values)), False


def _points(past: Past, places: Places) -> Points:
    sizes, steps = past.sizes, []
    for low, index in zip(places.low, places.index, strict=True):
        before = sorted(sizes[low:index])
        half, odd = divmod(index - low, 2)
        level = before[half] if odd else (before[half - 1] + before[half]) / 2
        steps.append(sizes[index] - level)
    return Points(
        [sizes[index] for index in places.index], steps, [past.flags[index] for index in places.index]
    )


def _and(some: Points, recent: Points, times: Times) -> Points:
    return Points(
        some.sizes + [recent.sizes[place] for place in times.chosen],
        some.steps + [recent.steps[place] for place in times.chosen],
        some.flags + [recent.flags[place] for place in times.chosen],
    )


def _flagged(points: Points) -> Points:
    return points if True in points.flags else Points(points.sizes, points.steps, [])
