"""Which earlier runs a verdict needs: a bounded number, however long the history is.

A pipeline that runs every 15 minutes has 2,880 runs in 30 days. What they say about the next is in the latest,
and in those that began at its time of day on the days before.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.domain.anomaly import AnomalyRule, Observation
from watcher.domain.clock import FIRST

RECENT_RUNS = 120
"""The latest runs that are asked for, more only where `minimum_executions` is more."""

STRETCH_RUNS = 8
"""The runs that are asked for of each earlier day: one to compare with, and what it came from."""

STRETCH_DAYS = 56
"""The earlier days at most."""

LATENESS = timedelta(minutes=10)
"""So much later than the judged run, by the clock, a run of an earlier day may begin and still be compared."""

DAY = timedelta(days=1)
"""A stretch is no longer: where nothing ran for days there is nothing to compare with."""

MEMORY = timedelta(days=1096)
"""Older runs are never asked for."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Runs before the judged one: the latest, and of each earlier day a stretch of consecutive ones."""

    recent: Sequence[Observation]
    earlier: Sequence[Sequence[Observation]] = ()


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where among the runs the sample is: the latest from `first` to `end`, and the stretches likewise."""

    first: int
    end: int
    stretches: Sequence[tuple[int, int]] = ()


def weeks_back(rule: AnomalyRule) -> timedelta:
    """The lookback in whole weeks, rounded up, so that every weekday is in it equally often."""
    return timedelta(weeks=-(-rule.lookback_days // 7))


def recent_limit(rule: AnomalyRule) -> int:
    """How many of the latest runs are asked for."""
    return max(RECENT_RUNS, rule.minimum_executions)


def anchors(start_date: datetime, rule: AnomalyRule) -> list[datetime]:
    """For each earlier day the instant at which its stretch ends; a stretch is what began before it."""
    days = min(weeks_back(rule).days, STRETCH_DAYS)
    room = (start_date - FIRST).days
    return [start_date - (timedelta(days=day) - LATENESS) for day in range(1, min(days, room) + 1)]


def sampled(runs: Sequence[Observation], start_date: datetime, rule: AnomalyRule) -> Sample:
    """What is asked for to judge the run at `start_date`, from all successful runs, ascending by start.

    The latest runs within the lookback; where those are fewer than `minimum_executions`, as many as make it
    up, up to three years old: a weekly pipeline is judged by its last 30 runs, not never.
    """

    def place(instant: datetime, most: int) -> int:
        return bisect_left(runs, instant, hi=most, key=_start)

    found = cut(start_date, rule, len(runs), place)
    return Sample(runs[found.first : found.end], [runs[low:high] for low, high in found.stretches])


def cut(start_date: datetime, rule: AnomalyRule, count: int, place: Callable[[datetime, int], int]) -> Cuts:
    """Where what `sampled` answers is among so many runs; `place` says how many of the first began before."""
    end = place(start_date, count)
    oldest = place(start_date - min(MEMORY, start_date - FIRST), end)
    within = place(start_date - min(weeks_back(rule), start_date - FIRST), end)
    first = max(oldest, min(within, end - rule.minimum_executions), end - recent_limit(rule))
    stretches = []
    for anchor in anchors(start_date, rule):
        beyond = place(anchor, first)
        day_before = place(anchor - min(DAY, anchor - FIRST), beyond)
        if day_before < beyond < first:
            stretches.append((max(day_before, beyond - STRETCH_RUNS), beyond))
    return Cuts(first, end, stretches)


def _start(run: Observation) -> datetime:
    return run.start_date
