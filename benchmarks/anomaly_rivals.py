"""The methods that the judge is compared with. Each says for every run: None (no verdict), or whether it is one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from benchmarks.anomaly_histories import History, Run

THRESHOLD = 3.0
LOOKBACK = timedelta(days=30)
MINIMUM = 30

Method = Callable[[History], list[bool | None]]


def deviates(past: list[float], value: float, least: int) -> bool | None:
    """A z-score by mean and population standard deviation; None without enough runs or without spread."""
    if len(past) < least:
        return None
    mean = math.fsum(past) / len(past)
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in past) / len(past))
    return abs(value - mean) > THRESHOLD * spread if spread else None


def _window(starts: list[datetime], index: int) -> int:
    return bisect_left(starts, starts[index] - LOOKBACK)


def plain_z(history: History) -> list[bool | None]:
    """All runs of the last 30 days, or the last 30 runs where those are fewer."""
    return _z(history.runs, lambda value: value)


def log_z(history: History) -> list[bool | None]:
    """The same on logarithms: not asked for, but a fairer rival."""
    return _z(history.runs, math.log1p)


def _z(runs: list[Run], scale: Callable[[float], float]) -> list[bool | None]:
    starts = [run.start for run in runs]
    values = [scale(run.value) for run in runs]
    return [
        deviates(values[max(0, min(_window(starts, index), index - MINIMUM)) : index], values[index], MINIMUM)
        for index in range(len(runs))
    ]


def rolling_z(history: History) -> list[bool | None]:
    """The last 30 runs."""
    values = [run.value for run in history.runs]
    return [
        deviates(values[max(0, index - MINIMUM) : index], value, MINIMUM)
        for index, value in enumerate(values)
    ]


def mean_band(history: History) -> list[bool | None]:
    """Half to one and a half times the mean of the last 14 days, of at least 7 runs."""
    starts = [run.start for run in history.runs]
    verdicts: list[bool | None] = []
    for index, run in enumerate(history.runs):
        first = max(0, min(bisect_left(starts, run.start - timedelta(days=14)), index - 7))
        past = [earlier.value for earlier in history.runs[first:index]]
        if index < MINIMUM:
            verdicts.append(None)
            continue
        mean = math.fsum(past) / len(past)
        verdicts.append(not 0.5 * mean <= run.value <= 1.5 * mean)
    return verdicts


def same_hour(history: History) -> list[bool | None]:
    """The original's: the runs of the last 30 days that began in the same hour (UTC), if there are 30."""
    starts = [run.start for run in history.runs]
    hours: dict[int, deque[int]] = {}
    verdicts: list[bool | None] = []
    for index, run in enumerate(history.runs):
        alike = hours.setdefault(run.start.hour, deque())
        first = _window(starts, index)
        while alike and alike[0] < first:
            alike.popleft()
        verdicts.append(deviates([history.runs[earlier].value for earlier in alike], run.value, MINIMUM))
        alike.append(index)
    return verdicts
