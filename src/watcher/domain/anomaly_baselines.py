"""What a run can be expected to be: by its level or by its like, in the buckets that the history supports."""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from operator import sub

from watcher.domain.anomaly import Bucket
from watcher.domain.anomaly_points import Known
from watcher.domain.anomaly_scale import medians_without_each, middle, robust_sd
from watcher.domain.anomaly_times import BUCKET_SUPPORT, Partition

POOL_WEIGHT = 10
"""The scale among a run's peers counts as their number, that among all runs as so many."""

FEW, VERY_FEW = 2.0, 10.0
"""A scale found from n runs may be too small: it is widened by 1 + FEW / n + (VERY_FEW / n)^2."""

FLAGGED_SHARE = 0.2
"""Flagged runs are left out of a scale up to this share of it: more are no exceptions."""

GAIN = 0.75
"""A finer bucket must bring the scale below this share of the coarser one's."""

RIVAL = 1.5
"""A baseline whose scale is within this factor of the best one's has a say too."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """An expectation on the metric's scale: centre and robust standard deviation.

    It comes from `size` runs on so many `days`, whose usual gap to the run before was `gap` seconds;
    a precedent comes from that of one day, `on` it.
    """

    bucket: Bucket
    centre: float
    sd: float
    size: int
    days: int
    gap: float
    on: date | None = None


def plausible(known: Known) -> list[Baseline]:
    """The baseline to judge by, and those that foretell nearly as well; empty if the history supports none.

    A baseline is a centre of steps from the level, or of the sizes themselves, in one bucket.
    """
    found = list(_baselines(known))
    if not found:
        return []
    best = found[0]
    for baseline in found[1:]:
        if baseline.sd < GAIN * best.sd:
            best = baseline
    return [best] + [other for other in found if other is not best and other.sd <= RIVAL * best.sd]


def precedents(start_date: datetime, known: Known, best: Baseline) -> Iterator[Baseline]:
    """What single runs foretell that stand at the same place of the calendar, flagged or not.

    Those of a week and of two weeks before, the first and last day of the month before, and any other day of
    it if that was a workday, or not, as this is, or if it was flagged: what happens every month is told once.
    """
    if known.level is None:
        return
    alike, times = known.alike, known.times.alike
    nearest: dict[int, int] = {}
    for index, days in enumerate(times.days):
        closer = days not in nearest or times.aside[index] < times.aside[nearest[days]]
        if closer and _same_place(start_date, days, flagged=bool(alike.flags) and alike.flags[index]):
            nearest[days] = index
    for days, index in nearest.items():
        on = (start_date - timedelta(days=days)).date()
        one = Baseline(Bucket.PRECEDENT, 0.0, best.sd, 1, 1, times.gaps[index], on)
        yield replace(one, centre=known.level + alike.steps[index])
        yield replace(one, centre=alike.sizes[index])


def _same_place(start_date: datetime, days: int, *, flagged: bool) -> bool:
    if days in {7, 14}:
        return True
    if not 28 <= days <= 31:
        return False
    earlier = start_date - timedelta(days=days)
    if earlier.day != start_date.day:
        return _last_of_month(earlier) and _last_of_month(start_date)
    return flagged or start_date.day == 1 or (earlier.weekday() > 4) == (start_date.weekday() > 4)


def _last_of_month(day: datetime) -> bool:
    return day.day == monthrange(day.year, day.month)[1]


def _baselines(known: Known) -> Iterator[Baseline]:
    recent, alike, times = known.recent, known.alike, known.times
    if len(recent.sizes) < BUCKET_SUPPORT:
        return
    columns = [(0.0, recent.sizes, alike.sizes)]
    if known.level is not None:
        columns.insert(0, (known.level, recent.steps, alike.steps))
    days, gap = len(set(times.recent.days)), middle(sorted(times.recent.gaps))
    for level, everywhere, values in columns:
        centre = middle(sorted(everywhere))
        pool = _unflagged([value - centre for value in everywhere], recent.flags)
        own = [values[place] - centre for place in times.peers]
        sd = _sd(_unflagged(own, _at(times.peers, alike.flags)), pool)
        yield Baseline(Bucket.ALL, level + centre, sd, len(everywhere), days, gap)
        for partition in times.partitions:
            yield _of_bucket(partition, level, values, alike.flags)


def _of_bucket(
    partition: Partition, level: float, values: Sequence[float], flags: Sequence[bool]
) -> Baseline:
    deviations: list[float] = []
    for group in partition.groups:
        inside = [values[place] for place in group]
        deviations += map(sub, inside, medians_without_each(inside))
    among = _at(partition.members, flags)
    pool = _unflagged(deviations, among)
    own = _unflagged([deviations[place] for place in partition.near], _at(partition.near, among))
    centre = middle(sorted([values[place] for place in partition.own]))
    return Baseline(
        partition.bucket, level + centre, _sd(own, pool), len(partition.own), partition.days, partition.gap
    )


def _at(places: Sequence[int], flags: Sequence[bool]) -> Sequence[bool]:
    """The flags at these places; none where none is flagged."""
    return [flags[place] for place in places] if flags else ()


def _sd(own: Sequence[float], pool: Sequence[float]) -> float:
    """The scale of a run's peers, leaning on that of all the more, the fewer they are."""
    count = max(1, len(pool))
    sd = (len(own) * robust_sd(own) + POOL_WEIGHT * robust_sd(pool)) / (len(own) + POOL_WEIGHT)
    return sd * (1 + FEW / count + (VERY_FEW / count) ** 2)


def _unflagged(deviations: list[float], flags: Sequence[bool]) -> list[float]:
    """Leaves the flagged runs out, unless that leaves too few."""
    if not any(flags):
        return deviations
    kept = [deviation for deviation, flagged in zip(deviations, flags, strict=True) if not flagged]
    return kept if len(kept) >= (1 - FLAGGED_SHARE) * len(deviations) else deviations
