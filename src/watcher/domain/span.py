"""A calendar span: how long data may stay unchanged, or a run may take."""

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
