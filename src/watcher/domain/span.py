"""A calendar span: how long data may stay unchanged, or a run may take."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watcher.domain.errors import InvalidValue

NUMBER_LIMIT = 2**31 - 1


class Datepart(StrEnum):
    """The unit of a span."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def checked_span(rule: str, number: int | None, datepart: Datepart | None) -> None:
    """Raises `InvalidValue` unless number and datepart come together, or neither does.

    `rule` names the pair: `freshness` stands for `freshness_number` and `freshness_datepart`.
    """
    if (number is None) != (datepart is None):
        pair = f"{rule}_number and {rule}_datepart"
        raise InvalidValue(pair, "come together or not at all")
    if number is not None and not 1 <= number <= NUMBER_LIMIT:
        raise InvalidValue(f"{rule}_number", f"must be between 1 and {NUMBER_LIMIT:,}")


MONTHS = {Datepart.MONTH: 1, Datepart.QUARTER: 3, Datepart.YEAR: 12}
LENGTHS = {
    Datepart.MINUTE: timedelta(minutes=1),
    Datepart.HOUR: timedelta(hours=1),
    Datepart.DAY: timedelta(days=1),
    Datepart.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class Span:
    """A number of units, by the calendar of UTC."""

    number: int
    datepart: Datepart

    @classmethod
    def of(cls, number: int | None, datepart: Datepart | None) -> "Span | None":
        """The span of a pair that comes together or not at all."""
        return None if number is None or datepart is None else cls(number, datepart)

    def after(self, instant: datetime) -> datetime | None:
        """The end of the span that begins at an instant in UTC; None beyond the year 9999, which is never.

        Where the month that it ends in is too short for the day, it ends on the last of that month.
        """
        try:
            if self.datepart in MONTHS:
                return _months_later(instant, self.number * MONTHS[self.datepart])
            return instant + self.number * LENGTHS[self.datepart]
        except OverflowError:
            return None


def _months_later(instant: datetime, months: int) -> datetime | None:
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    if year > instant.max.year:
        return None
    day = min(instant.day, monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)
