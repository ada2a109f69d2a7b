"""When invented pipelines run: cadences in local time, late starts, runs that never were, summer time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York")
FIXED_HOLIDAYS = ((1, 1), (5, 1), (7, 4), (11, 1), (12, 24), (12, 25), (12, 26), (12, 31))
EASTER = {2023: date(2023, 4, 9), 2024: date(2024, 3, 31), 2025: date(2025, 4, 20), 2026: date(2026, 4, 5)}


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a pipeline runs, and for how many days it is looked at; `weight` is its share of the fleet."""

    name: str
    minutes: int
    days: int
    weight: int
    workdays_only: bool = False
    hours: tuple[int, int] = (0, 24)


CADENCES = (
    Cadence("weekly", 7 * 1440, 1000, 12),
    Cadence("daily", 1440, 400, 36),
    Cadence("workdays", 1440, 500, 8, workdays_only=True),
    Cadence("6 hours", 360, 150, 10),
    Cadence("hourly", 60, 70, 16),
    Cadence("office hours", 60, 120, 6, workdays_only=True, hours=(7, 19)),
    Cadence("15 minutes", 15, 42, 12),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cadence at a place: `zone` is where the business is, `clock` is what the scheduler goes by."""

    cadence: Cadence
    zone: ZoneInfo
    clock: ZoneInfo
    begin: datetime
    lateness: float
    missing: float
    outage: float

    def starts(self, random: Random) -> list[datetime]:
        """The starts of all runs in UTC, ascending."""
        found: list[datetime] = []
        down_until: datetime | None = None
        for due in self._due():
            if random.random() < self.outage:
                down_until = due + timedelta(minutes=self.cadence.minutes * random.randint(2, 6))
            if (down_until and due < down_until) or random.random() < self.missing:
                continue
            late = min(random.expovariate(1 / self.lateness), 0.45 * self.cadence.minutes * 60)
            found.append(due + timedelta(seconds=round(late)))
        return found

    def _due(self) -> Iterator[datetime]:
        """The due times by the scheduler's clock. An hour that a change of clocks takes away is run later."""
        local = self.begin.replace(tzinfo=None)
        end = local + timedelta(days=self.cadence.days)
        last = datetime.min.replace(tzinfo=UTC)
        while local < end:
            due = local.replace(tzinfo=self.clock).astimezone(UTC)
            there = local.replace(tzinfo=self.clock)
            first, beyond = self.cadence.hours
            off = self.cadence.workdays_only and there.weekday() > 4
            if first <= there.hour < beyond and not off and due > last:
                yield due
                last = due
            local += timedelta(minutes=self.cadence.minutes)


def a_schedule(random: Random, cadence: Cadence) -> Schedule:
    zone = ZoneInfo(random.choice(ZONES))
    clock = zone if random.random() < 0.6 else ZoneInfo("UTC")
    begin = datetime(2023, 2, 1, tzinfo=UTC) + timedelta(days=random.randrange(365))
    if cadence.minutes >= 1440:
        begin += timedelta(
            hours=random.choice((1, 2, 3, 4, 5, 6, 6, 8, 12, 18, 22)), minutes=random.choice((0, 0, 15, 30))
        )
    return Schedule(
        cadence=cadence,
        zone=zone,
        clock=clock,
        begin=begin,
        lateness=random.choice((5.0, 20.0, 20.0, 300.0, 900.0)),
        missing=random.choice((0.0, 0.002, 0.01, 0.03)),
        outage=random.choice((0.0, 0.0005, 0.002)),
    )


def is_holiday(day: date) -> bool:
    easter = EASTER.get(day.year)
    return (day.month, day.day) in FIXED_HOLIDAYS or (
        easter is not None and (day - easter).days in (-2, 1, 39, 50)
    )


def closes_month(day: date) -> bool:
    """The last day of a month."""
    return (day + timedelta(days=1)).day == 1
