"""Invented histories of healthy runs, shaped like what pipelines do rather than like what a method likes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from benchmarks.anomaly_schedules import CADENCES, Cadence, Schedule, a_schedule, closes_month, is_holiday

SHAPES = (
    ("incremental", 42),
    ("snapshot", 10),
    ("constant", 8),
    ("sparse", 14),
    ("duration", 16),
    ("throughput", 10),
)
METRICS = {
    "duration": "duration_seconds",
    "throughput": "throughput",
    "snapshot": "total_rows",
    "constant": "total_rows",
}


@dataclass(slots=True)
class Run:
    """One successful run. `usual` is what its pipeline would have given on average, `event` the fault it is part of."""

    start: datetime
    value: float
    usual: float
    event: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A fault: its runs are `first` to `last`; a message from `first` to `until` counts as finding it."""

    kind: str
    first: int
    last: int
    until: int


@dataclass(slots=True)
class History:
    """All runs of one metric of one pipeline, ascending, and what is wrong with some of them."""

    name: str
    cadence: Cadence
    shape: str
    metric: str
    runs: list[Run]
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How much there is to do at a local time, as a factor around 1."""

    weekdays: tuple[float, ...]
    hours: tuple[float, ...]
    month_end: float
    holiday: float
    growth: float
    wander: float

    def at(self, local: datetime) -> float:
        day = local.date()
        factor = self.weekdays[local.weekday()] * self.hours[local.hour]
        if closes_month(day):
            factor *= self.month_end
        if is_holiday(day):
            factor *= self.holiday
        return factor


def a_rhythm(random: Random, cadence: Cadence) -> Rhythm:
    weekend = random.choice((1.0, 1.0, 0.8, 0.5, 0.3, 0.1, 0.02, 1.5))
    weekdays = [math.exp(random.gauss(0, random.choice((0.02, 0.1, 0.25)))) for _ in range(7)]
    weekdays[5] *= weekend * math.exp(random.gauss(0, 0.1))
    weekdays[6] *= weekend * math.exp(random.gauss(0, 0.15))
    depth, peak = random.choice((0.0, 0.3, 1.0, 2.0)), random.uniform(10, 20)
    hours = [math.exp(depth * (math.cos((hour - peak) * math.pi / 12) - 1)) for hour in range(24)]
    if cadence.minutes >= 1440:
        hours = [1.0] * 24
    return Rhythm(
        weekdays=tuple(weekdays),
        hours=tuple(hours),
        month_end=random.choice((1.0, 1.0, 1.0, 1.3, 2.0, 4.0)),
        holiday=random.choice((1.0, 1.0, 0.8, 0.4, 0.1)) if weekend != 1.0 else 1.0,
        growth=random.choice((0.0, 0.0, 0.1, 0.3, 0.7, 1.5, -0.3)),
        wander=random.choice((0.0, 0.0, 0.01, 0.03)),
    )


@dataclass(slots=True)
class Noise:
    """Autocorrelated, heavy-tailed noise of a logarithm: AR(1) with Student's t innovations of variance 1."""

    random: Random
    sigma: float
    memory: float
    freedom: float
    state: float = 0.0

    def __call__(self) -> float:
        chi = self.random.gammavariate(self.freedom / 2, 2)
        shock = self.random.gauss(0, 1) / math.sqrt(chi / self.freedom)
        shock *= math.sqrt((self.freedom - 2) / self.freedom)
        self.state = self.memory * self.state + math.sqrt(1 - self.memory**2) * shock
        return self.sigma * self.state


def a_noise(random: Random, low: float, high: float) -> Noise:
    sigma = math.exp(random.uniform(math.log(low), math.log(high)))
    return Noise(random, sigma, random.choice((0.0, 0.2, 0.5, 0.8)), random.choice((3.0, 4.0, 6.0, 12.0)))


def counted(random: Random, mean: float) -> float:
    """A Poisson number, by its normal approximation beyond 50."""
    if mean > 50:
        return float(max(0, round(random.gauss(mean, math.sqrt(mean)))))
    limit, product, number = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        number += 1
    return float(number)


def _levels(random: Random, rhythm: Rhythm, starts: list[datetime]) -> list[float]:
    """Growth by the year, and a random walk by the day."""
    walk, levels, before = 0.0, [], starts[0]
    for start in starts:
        days = (start - before) / timedelta(days=1)
        walk += random.gauss(0, rhythm.wander * math.sqrt(days))
        before = start
        years = (start - starts[0]) / timedelta(days=365)
        levels.append(math.exp(walk + math.log1p(rhythm.growth) * years))
    return levels


def incremental(random: Random, schedule: Schedule, starts: list[datetime]) -> list[Run]:
    """What is new since the last run; some catch up on what missed runs left, some do not."""
    rhythm, noise = a_rhythm(random, schedule.cadence), a_noise(random, 0.02, 0.5)
    size = math.exp(random.uniform(math.log(20), math.log(5e7)))
    catches_up = random.random() < 0.5
    runs, due = [], timedelta(minutes=schedule.cadence.minutes)
    levels = _levels(random, rhythm, starts)
    for index, start in enumerate(starts):
        usual = size * levels[index] * rhythm.at(start.astimezone(schedule.zone))
        if catches_up and index:
            behind = round((start - starts[index - 1]) / due) - 1
            for missed in range(1, min(behind, 200) + 1):
                usual += size * levels[index] * rhythm.at((start - missed * due).astimezone(schedule.zone))
        runs.append(Run(start, counted(random, usual * math.exp(noise())), usual))
    return runs


def snapshot(random: Random, schedule: Schedule, starts: list[datetime]) -> list[Run]:
    """A whole table each time: it grows by what its business does, with little noise."""
    rhythm = a_rhythm(random, schedule.cadence)
    rows = math.exp(random.uniform(math.log(500), math.log(5e8)))
    a_year = random.choice((0.02, 0.2, 0.8)) / (365 * 1440 / schedule.cadence.minutes)
    runs = []
    for start in starts:
        rows += rows * a_year * rhythm.at(start.astimezone(schedule.zone)) * math.exp(random.gauss(0, 0.5))
        if random.random() < 0.003:
            rows *= 1 - random.uniform(0, 0.06)
        runs.append(Run(start, float(round(rows)), rows))
    return runs


def constant(random: Random, schedule: Schedule, starts: list[datetime]) -> list[Run]:
    """A reference table: the same number for months, then one or two more."""
    del schedule
    rows = random.choice((1, 7, 12, 50, 249, 1_000, 20_000, 1_000_000))
    change = random.choice((0.0, 0.0, 0.01, 0.03))
    runs = []
    for start in starts:
        if random.random() < change:
            rows = max(1, rows + random.choice((-1, 1, 1, 2, 5)))
        runs.append(Run(start, float(rows), float(rows)))
    return runs


def sparse(random: Random, schedule: Schedule, starts: list[datetime]) -> list[Run]:
    """Often nothing to do, and when there is nothing there tends to go on being nothing."""
    base = incremental(random, schedule, starts)
    empty = random.choice((0.02, 0.1, 0.3, 0.6, 0.9, 0.97))
    stays = empty + (1 - empty) * random.choice((0.0, 0.2, 0.5))
    leaves = empty * (1 - stays) / (1 - empty)
    nothing = random.random() < empty
    scale = min(1.0, random.choice((5.0, 100.0, 10_000.0)) / max(base[0].usual, 1.0))
    for run in base:
        nothing = random.random() < (stays if nothing else leaves)
        run.usual *= scale
        run.value = 0.0 if nothing else float(max(1, round(run.value * scale)))
    return base


def duration(random: Random, schedule: Schedule, starts: list[datetime]) -> list[Run]:
    """Seconds: a fixed part, a part that follows the rows, and a neighbour that now and then makes it slow."""
    rows = incremental(random, schedule, starts)
    fixed = math.exp(random.uniform(math.log(2), math.log(600)))
    share, noise = random.choice((0.0, 0.3, 1.0, 3.0)), a_noise(random, 0.05, 0.4)
    contention = random.choice((0.0, 0.003, 0.01))
    typical = sorted(run.usual for run in rows)[len(rows) // 2] or 1.0
    runs = []
    for run in rows:
        usual = fixed * (1 + share * run.usual / typical)
        seconds = fixed * (1 + share * run.value / typical) * math.exp(noise())
        if random.random() < contention:
            seconds *= random.uniform(1.2, 2.0)
        runs.append(Run(run.start, float(math.floor(seconds)), usual))
    return runs


def throughput(random: Random, schedule: Schedule, starts: list[datetime]) -> list[Run]:
    """Rows a second: a machine's speed, and less of it where the fixed part of a run weighs more."""
    rows = incremental(random, schedule, starts)
    speed, noise = math.exp(random.uniform(math.log(20), math.log(1e5))), a_noise(random, 0.05, 0.35)
    typical = sorted(run.usual for run in rows)[len(rows) // 2] or 1.0
    overhead = random.choice((0.0, 0.1, 0.5)) * typical
    runs = []
    for run in rows:
        if not run.value:
            continue
        usual = speed * run.usual / (run.usual + overhead)
        value = speed * run.value / (run.value + overhead) * math.exp(noise())
        runs.append(Run(run.start, round(value, 4), usual))
    return runs


MAKERS: dict[str, Callable[[Random, Schedule, list[datetime]], list[Run]]] = {
    "incremental": incremental,
    "snapshot": snapshot,
    "constant": constant,
    "sparse": sparse,
    "duration": duration,
    "throughput": throughput,
}


def a_history(random: Random, name: str) -> History:
    cadence = random.choices(CADENCES, [cadence.weight for cadence in CADENCES])[0]
    shape = random.choices([shape for shape, _ in SHAPES], [weight for _, weight in SHAPES])[0]
    schedule = a_schedule(random, cadence)
    runs = MAKERS[shape](random, schedule, schedule.starts(random))
    return History(name, cadence, shape, METRICS.get(shape, "inserts"), runs)
