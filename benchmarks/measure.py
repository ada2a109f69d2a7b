"""What a run of load gives, and what several rounds of it say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

SYNC = "sync_ms"
"""Under which a run observes how long the disk took, just before it, to make a page durable."""


class RunVoid(Exception):
    """The run says nothing: something failed in it."""


@dataclass(frozen=True, slots=True)
class Load:
    """One run of load; `observed` is what was counted beside it, such as statements sent to the database."""

    requests: int
    seconds: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    observed: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def p50(self) -> float:
        if self.p50_ms is None:
            raise RunVoid("A median was asked of a run that recorded no latencies.")
        return self.p50_ms

    @property
    def p99(self) -> float:
        if self.p99_ms is None:
            raise RunVoid("A percentile was asked of a run that recorded no latencies.")
        return self.p99_ms

    def per_request(self, name: str) -> float:
        return self.observed[name] / self.requests


def timed(seconds: Sequence[float], **observed: float) -> Load:
    """A run whose every request was timed by itself."""
    ordered = sorted(seconds)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return Load(len(ordered), sum(ordered), 1_000 * median(ordered), 1_000 * p99, observed)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and how far they lie apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to measure, again in every round; in one that is named twice, twice."""

    name: str
    run: Callable[[], Load]


Measure = Callable[[Load], float]


@dataclass(frozen=True, slots=True)
class Rounds:
    """The runs of each cell, round by round."""

    rounds: list[dict[str, list[Load]]]

    def names(self) -> list[str]:
        return list(self.rounds[0])

    def values(self, name: str, measure: Measure) -> list[float]:
        """One value for each round: the mean, where a round ran the cell twice."""
        return [fmean(map(measure, loads[name])) for loads in self.rounds]

    def spread(self, name: str, measure: Measure) -> Spread:
        return Spread.of(self.values(name, measure))

    def ratio(self, name: str, other: str, measure: Measure) -> Spread:
        """The ratios within each round, as the machine's mood changes from round to round."""
        pairs = zip(self.values(name, measure), self.values(other, measure), strict=True)
        return Spread.of([one / two for one, two in pairs])

    def syncs(self) -> Spread:
        return Spread.of([load.observed[SYNC] for name in self.names() for load in self.loads(name)])

    def loads(self, name: str) -> list[Load]:
        return [load for loads in self.rounds for load in loads[name]]


def rate(load: Load) -> float:
    return load.rate


def p50(load: Load) -> float:
    return load.p50


def interleaved(order: Sequence[Cell], rounds: int, progress: Callable[[str], None]) -> Rounds:
    """Runs all cells in order, then in reverse order, and so on: a drift of the machine cancels out."""
    taken: list[dict[str, list[Load]]] = []
    for number in range(rounds):
        loads: dict[str, list[Load]] = {cell.name: [] for cell in order}
        for cell in order if number % 2 == 0 else reversed(order):
            load = cell.run()
            loads[cell.name].append(load)
            progress(f"round {number + 1}/{rounds}  {cell.name}  {load.rate:,.0f}/s")
        taken.append(loads)
    return Rounds(taken)
