"""Faults put into healthy histories."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.anomaly_histories import Event, History, Run

SETTLED = 15
"""Faults begin after that many runs: some fall into what a method learns from."""

PATIENCE = 10
"""A level shift counts as found within that many runs."""

HEALTHY_ZEROS = 0.01
"""Where more of the healthy runs are empty, an empty run is not a fault by itself: only drying up is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A factor on the values of `runs` runs in a row; None for the rest of the history."""

    kind: str
    factors: tuple[float, float]
    runs: tuple[int, int] | None

    def factor(self, random: Random) -> float:
        low, high = self.factors
        return low * (high / low) ** random.random() if low > 0 else 0.0


EMPTY = Fault("empty", (0.0, 0.0), (1, 2))
DRIED_UP = Fault("dried up", (0.0, 0.0), (1, 1))
PARTIAL = Fault("partial", (0.15, 0.7), (1, 2))
TOO_FEW = Fault("too few", (0.005, 0.1), (1, 2))
DUPLICATE = Fault("duplicate", (2.0, 2.0), (1, 2))
SPIKE = Fault("spike", (3.0, 30.0), (1, 1))
BACKFILL = Fault("backfill", (5.0, 60.0), (1, 4))
SHIFTS = (Fault("level shift", (0.2, 0.6), None), Fault("level shift", (1.7, 5.0), None))
SLOW = Fault("slow", (2.0, 10.0), (1, 3))
STALLED = Fault("slow", (0.1, 0.5), (1, 3))
HASTY = Fault("hasty", (0.02, 0.3), (1, 2))

COUNTS = (EMPTY, EMPTY, PARTIAL, TOO_FEW, DUPLICATE, SPIKE, BACKFILL, *SHIFTS)
KINDS = {
    "incremental": COUNTS,
    "snapshot": (EMPTY, PARTIAL, TOO_FEW, DUPLICATE, *SHIFTS),
    "constant": (EMPTY, PARTIAL, TOO_FEW, DUPLICATE, *SHIFTS),
    "sparse": (DRIED_UP, PARTIAL, TOO_FEW, DUPLICATE, SPIKE, BACKFILL),
    "duration": (SLOW, SLOW, HASTY, SHIFTS[1]),
    "throughput": (STALLED, STALLED, SPIKE, SHIFTS[0]),
}


def spoil(random: Random, history: History) -> None:
    """Puts faults into a history: about one in 100 runs begins one, one in 200 where there are many a day."""
    if not history.runs:
        return
    rate = 1 / 100 if history.cadence.minutes >= 1440 else 1 / 200
    index, shifts = SETTLED, 0
    while True:
        index += 8 + int(random.expovariate(rate))
        if index >= len(history.runs) - 12:
            return
        fault = random.choice(KINDS[history.shape])
        if fault.runs is None and shifts == 2:
            continue
        event = _applied(random, history, fault, index)
        if event is not None:
            shifts += fault.runs is None
            history.events.append(event)
            index = event.until


def _applied(random: Random, history: History, fault: Fault, first: int) -> Event | None:
    """Changes the runs of the fault. None, and nothing changed, where it would not be one."""
    runs, number = history.runs, len(history.events)
    integral = history.metric != "throughput"
    if fault is DRIED_UP:
        length = _drought(runs)
    elif fault.runs is None:
        length = len(runs) - first
    else:
        length = random.randint(*fault.runs)
    last = min(first + length, len(runs)) - 1
    window = runs[first : last + 1] if fault.runs else runs[first : first + PATIENCE]
    if not length or (fault is not DRIED_UP and any(not _matters(run, integral) for run in window)):
        return None
    if fault is EMPTY and _zeros(runs) > HEALTHY_ZEROS * len(runs):
        return None
    factor = fault.factor(random)
    for run in runs[first : last + 1]:
        run.value = float(round(run.value * factor)) if integral else round(run.value * factor, 4)
        run.usual *= factor if fault.runs is None else 1.0
    until = last if fault.runs else min(first + PATIENCE, len(runs)) - 1
    for run in runs[first : until + 1]:
        run.event = number
    return Event(fault.kind, first, last, until)


def _matters(run: Run, integral: bool) -> bool:
    """A fault of next to nothing is none."""
    return run.usual >= (5 if integral else 0) and run.value > 0


def _zeros(runs: list[Run]) -> int:
    return sum(not run.value for run in runs if run.event is None)


def _drought(runs: list[Run]) -> int:
    """Half as long again as the longest row of empty runs; 0 where there is no telling in time."""
    longest = streak = 0
    for run in runs:
        streak = 0 if run.value else streak + 1
        longest = max(longest, streak)
    length = max(3, longest + (longest + 1) // 2)
    return length if length <= 60 and _zeros(runs) < 0.95 * len(runs) else 0
