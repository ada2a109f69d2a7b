"""Runs without rows are judged by how often there are such runs, not by how far zero is from the rest."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import inf, log, sqrt
from statistics import NormalDist

from watcher.domain.anomaly import Observation
from watcher.domain.anomaly_sample import Sample
from watcher.domain.anomaly_times import DAY, HALF_HOUR

NEW_NORMAL = 4
"""So many empty runs in a row are no longer an exception, flagged or not."""

SPELLS_TOLD = 2
"""So many separate spells of flagged empty runs are exceptions; from the next on they are a habit."""

RATE_SUPPORT = 5
"""Fewer runs have no rate."""

GAIN = 0.9
"""A finer bucket must bring the loss below this share of the coarser one's."""

PRIOR = 0.5
"""Jeffreys's prior for a rate: half a run of either kind."""

MOST_SIGMAS = 8.0
"""Rarer than floating point can say."""


@dataclass(frozen=True, slots=True)
class Drought:
    """How long there has been nothing, this run included, how long at most before, and how rare that is.

    `sigmas` are standard deviations of a normal distribution, two-sided; 0 where it was as long before.
    """

    length: int
    longest: int
    sigmas: float


def rarity(start_date: datetime, sample: Sample) -> float:
    """How rare empty runs are where this one stands, in two-sided standard deviations; infinite if there are none."""
    nearby = _habitual([run for stretch in reversed(sample.earlier) for run in stretch] + list(sample.recent))
    if not any(empty for _, empty in nearby):
        return inf
    return _sigmas(_rate(start_date, nearby))


def drought(recent: Sequence[Observation]) -> Drought:
    """Judges a row of empty runs by the odds of its length, given how such rows begin and go on.

    The chance that one goes on is taken a standard error higher than it was seen to be.
    """
    spells = [(value, len(list(runs))) for value, runs in groupby(run.value <= 0 for run in recent)]
    lasting = spells.pop()[1] if spells and spells[-1][0] else 0
    droughts = [length for empty, length in spells if empty]
    longest = max(droughts, default=0)
    if not droughts or lasting < longest:
        return Drought(lasting + 1, longest, 0.0)
    zeros = sum(droughts)
    begins = (len(droughts) + PRIOR) / (len(recent) - lasting - zeros + 2 * PRIOR)
    goes_on = (zeros - len(droughts) + PRIOR) / (zeros + 2 * PRIOR)
    at_most = min(1.0, goes_on + sqrt(goes_on * (1 - goes_on) / (zeros + 2 * PRIOR)))
    return Drought(lasting + 1, longest, _sigmas(min(1.0, begins) * at_most**lasting))


def _habitual(history: Sequence[Observation]) -> list[tuple[datetime, bool]]:
    """Each run, and whether it speaks for a habit of being empty.

    Flagged ones do not, unless they go on until now or have come again and again.
    """
    habitual: list[tuple[datetime, bool]] = []
    spells = 0
    for exceptional, members in groupby(history, key=lambda run: run.flagged and run.value <= 0):
        runs = list(members)
        spells += exceptional
        lasting = len(runs) >= NEW_NORMAL and runs[-1] is history[-1]
        counts = not exceptional or spells > SPELLS_TOLD or lasting
        habitual += [(run.start_date, counts and run.value <= 0) for run in runs]
    return habitual


def _rate(start_date: datetime, nearby: Sequence[tuple[datetime, bool]]) -> float:
    """The share of empty runs in the bucket that foretells them best."""
    weekday = start_date.weekday()
    ages = [(start_date - start).total_seconds() for start, _ in nearby]
    days = [round(age / DAY) for age in ages]
    at_hour = [abs(age - day * DAY) <= HALF_HOUR for age, day in zip(ages, days, strict=True)]
    weekends = [(weekday - day) % 7 > 4 for day in days]
    weekdays = [day % 7 for day in days]
    buckets: list[tuple[Sequence[Hashable], Hashable]] = [
        ([None] * len(days), None),
        (weekends, weekday > 4),
        (weekdays, 0),
        (at_hour, True),
        (list(zip(at_hour, weekends, strict=True)), (True, weekday > 4)),
        (list(zip(at_hour, weekdays, strict=True)), (True, 0)),
    ]
    least, rate = inf, 0.0
    for keys, own in buckets:
        counts: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0])
        for key, (_, empty) in zip(keys, nearby, strict=True):
            counts[key][empty] += 1
        full, none = counts[own]
        loss = _loss(counts.values())
        if full + none >= RATE_SUPPORT and loss < GAIN * least:
            least, rate = loss, none / (full + none)
    return rate


def _loss(counts: Iterable[Sequence[int]]) -> float:
    """The log loss of foretelling each run by the others of its bucket."""
    loss = 0.0
    for kinds in counts:
        others = sum(kinds) - 1 + 2 * PRIOR
        loss -= sum(number * log((number - 1 + PRIOR) / others) for number in kinds if number)
    return loss


def _sigmas(chance: float) -> float:
    """As many standard deviations as a normal value lies beyond with this chance, on either side."""
    return min(MOST_SIGMAS, NormalDist().inv_cdf(1 - chance / 2)) if chance > 1e-15 else MOST_SIGMAS
