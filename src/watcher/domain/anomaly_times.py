"""What the calendar says of the runs that one is compared with: the same for every rule that asks for these runs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import sub

from watcher.domain.anomaly import Bucket
from watcher.domain.anomaly_sample import LATENESS, Cuts
from watcher.domain.anomaly_scale import middle

LEVEL_RUNS = 7
"""The level is the median of that many runs: a spike does not move it, four shifted runs do."""

LEVEL_SUPPORT = 3
"""Fewer runs have no level."""

TARGETS = 2
"""The last runs of each stretch that may be compared with: those before them only give the level."""

BUCKET_SUPPORT = 4
"""Fewer runs do not make a bucket."""

DAY = 86_400
HALF_HOUR = 1_800

SLOW = 20 * 3_600
"""Pipelines whose usual gap between runs is longer, in seconds, have weekdays but no hours."""

SHARE_OF_GAP = 0.75
"""Runs of a time of day are no further aside than this share of the usual gap, so that each day has one."""


@dataclass(slots=True)
class Places:
    """Runs that have a level, a column for each of their properties.

    Each is at `index` of the runs, and those before that give its level begin at `low`. Seen from the judged run it
    was `days` ago, give or take `aside` seconds; `gaps` are the seconds since the run before.
    """

    index: list[int] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    aside: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def extend(
        self,
        start_date: datetime,
        starts: Sequence[datetime],
        first: int,
        span: tuple[int, int],
        within: float,
    ) -> None:
        """Adds those of consecutive runs that are no further aside, from the one at `first` on. `span` are all."""
        low, high = span
        begin = max(first, low + LEVEL_SUPPORT)
        before = (start_date - starts[begin - 1]).total_seconds() if begin < high else 0.0
        for index in range(begin, high):
            age = (start_date - starts[index]).total_seconds()
            day = round(age / DAY)
            aside = abs(age - day * DAY)
            if aside <= within:
                self.index.append(index)
                self.low.append(max(low, index - LEVEL_RUNS))
                self.days.append(day)
                self.aside.append(aside)
                self.gaps.append(before - age)
            before = age


@dataclass(frozen=True, slots=True)
class Partition:
    """Runs that may be compared with, by bucket: every group that is large enough, and the run's own.

    `members` are all groups in a row, `near` the places in it of the runs of the same weekday class. The run's own
    group is of so many `days`, and its usual gap to the run before was `gap` seconds.
    """

    bucket: Bucket
    groups: list[list[int]]
    own: list[int]
    members: list[int]
    near: list[int]
    days: int
    gap: float


@dataclass(frozen=True, slots=True)
class Times:
    """The runs of a sample that have a level.

    `recent` are the latest. Those that one may be compared with, `alike`, are from the `stretches`, and of the recent
    those at `chosen`. `peers` are those of the same weekday class. `gap` are the seconds since the last run of all,
    `usual` is the median of the seconds between the latest, with rows or without.
    """

    recent: Places
    stretches: Places
    chosen: list[int]
    alike: Places
    partitions: list[Partition]
    peers: list[int]
    usual: float
    gap: float


def timed(
    start_date: datetime, starts: Sequence[datetime], cuts: Cuts, gaps: tuple[float, float] | None = None
) -> Times:
    """`gaps` are `usual` and `gap`, where these are not all runs of the sample."""
    latest = starts[cuts.first : cuts.end]
    usual, gap = gaps or (_usual(latest), (start_date - latest[-1]).total_seconds())
    recent, stretches, slow = Places(), Places(), usual > SLOW
    recent.extend(start_date, starts, cuts.first, (cuts.first, cuts.end), DAY)
    chosen, alike = list(range(len(recent.index))), recent
    if not slow:
        within = min(HALF_HOUR, max(LATENESS.total_seconds(), SHARE_OF_GAP * usual))
        for span in cuts.stretches:
            stretches.extend(start_date, starts, span[1] - TARGETS, span, within)
        chosen = [place for place, aside in enumerate(recent.aside) if aside <= within]
        alike = _and(stretches, recent, chosen)
    peers = _peers(start_date, alike)
    partitions = list(_partitions(start_date, alike, peers, slow=slow))
    return Times(recent, stretches, chosen, alike, partitions, peers, usual, gap)


def _and(some: Places, others: Places, chosen: Sequence[int]) -> Places:
    return Places(
        some.index + [others.index[each] for each in chosen],
        some.low + [others.low[each] for each in chosen],
        some.days + [others.days[each] for each in chosen],
        some.aside + [others.aside[each] for each in chosen],
        some.gaps + [others.gaps[each] for each in chosen],
    )


def _usual(starts: Sequence[datetime]) -> float:
    """The median of the seconds between runs."""
    gaps = sorted(map(sub, starts[1:], starts))
    return gaps[len(gaps) // 2].total_seconds() if gaps else 0.0


def _peers(start_date: datetime, alike: Places) -> list[int]:
    """The places of the runs of the same weekday class."""
    weekday = start_date.weekday()
    return [place for place, day in enumerate(alike.days) if ((weekday - day) % 7 > 4) == (weekday > 4)]


def _partitions(
    start_date: datetime, alike: Places, peers: Sequence[int], *, slow: bool
) -> Iterator[Partition]:
    """The buckets that are large enough."""
    weekday = start_date.weekday()
    days = [day % 7 for day in alike.days]
    classes = [(weekday - day) % 7 > 4 for day in days]
    kinds: list[tuple[Bucket, Sequence[int], int]] = [
        (Bucket.WEEKDAY_CLASS if slow else Bucket.HOUR_OF_WEEKDAY_CLASS, classes, weekday > 4),
        (Bucket.WEEKDAY if slow else Bucket.HOUR_OF_WEEK, days, 0),
    ]
    if not slow:
        kinds.insert(0, (Bucket.HOUR, [0] * len(days), 0))
    for bucket, keys, mine in kinds:
        groups: dict[int, list[int]] = defaultdict(list)
        for place, key in enumerate(keys):
            groups[key].append(place)
        own = groups[mine]
        if len(own) >= BUCKET_SUPPORT:
            large = [group for group in groups.values() if len(group) >= BUCKET_SUPPORT]
            members = [place for group in large for place in group]
            among = {place: turn for turn, place in enumerate(members)}
            yield Partition(
                bucket,
                large,
                own,
                members,
                [among[peer] for peer in peers if peer in among],
                len({alike.days[place] for place in own}),
                middle(sorted([alike.gaps[place] for place in own])),
            )
