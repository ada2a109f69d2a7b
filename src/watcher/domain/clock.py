"""Time is an argument: whoever needs the present asks a clock."""

from datetime import UTC, datetime
from typing import Protocol

from watcher.domain.errors import InvalidValue

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...


def in_utc(field: str, instant: datetime) -> datetime:
    """The same instant in UTC; a time without offset is read as UTC.

    Raises `InvalidValue` where the instant in UTC falls outside the years 1 to 9999, and for their very
    first and last microsecond, which asyncpg takes for the infinities.
    """
    try:
        utc = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(field, "is outside the years 1 to 9999 in UTC") from None
    if not FIRST < utc < LAST:
        raise InvalidValue(field, "is the first or the last instant of the calendar")
    if type(utc) is datetime:
        return utc
    # A subclass may know more than microseconds, which the store would not give back.
    return datetime.combine(utc.date(), utc.time(), UTC)
