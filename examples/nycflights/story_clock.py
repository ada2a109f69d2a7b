"""The time that the demo's runs are dated with: that of 2013 for the days it replays, else the present."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from examples.nycflights.etl import DayFailed, DayLoaded

EVENING = time(23, tzinfo=UTC)
REPAIR = timedelta(minutes=30)


class StoryClock:
    """A clock that can be set, and goes on from there as fast as any."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def set_to_evening(self, day: date) -> None:
        """When the replayed loads begin: on the very day, so that Watcher's weekdays are those of the flights."""
        self._ahead = datetime.combine(day, EVENING) - datetime.now(UTC)

    def set_back(self, by: timedelta) -> None:
        self._ahead = -by

    def set_to_present(self) -> None:
        self._ahead = timedelta()

    def followed(self, outcomes: Iterator[DayLoaded | DayFailed]) -> Iterator[DayLoaded | DayFailed]:
        """The same outcomes; between two of them it becomes the next evening, after a failure half an hour later."""
        for outcome in outcomes:
            if isinstance(outcome, DayLoaded):
                self.set_to_evening(outcome.day + timedelta(days=1))
            else:
                self._ahead += REPAIR
            yield outcome
