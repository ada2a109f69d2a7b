"""Spans end by the calendar."""

from datetime import UTC, datetime

import pytest

from watcher.domain.span import NUMBER_LIMIT, Datepart, Span

CASES = [
    ("2026-03-01T12:00", 90, Datepart.MINUTE, "2026-03-01T13:30"),
    ("2026-03-28T12:00", 24, Datepart.HOUR, "2026-03-29T12:00"),
    ("2026-03-28T12:00", 1, Datepart.DAY, "2026-03-29T12:00"),
    ("2026-12-28T12:00", 1, Datepart.WEEK, "2027-01-04T12:00"),
    ("2026-01-31T12:00", 1, Datepart.MONTH, "2026-02-28T12:00"),
    ("2024-01-31T12:00", 1, Datepart.MONTH, "2024-02-29T12:00"),
    ("2026-01-31T12:00", 2, Datepart.MONTH, "2026-03-31T12:00"),
    ("2026-12-31T12:00", 1, Datepart.MONTH, "2027-01-31T12:00"),
    ("2025-11-30T12:00", 1, Datepart.QUARTER, "2026-02-28T12:00"),
    ("2024-02-29T12:00", 1, Datepart.YEAR, "2025-02-28T12:00"),
    ("2024-02-29T12:00", 4, Datepart.YEAR, "2028-02-29T12:00"),
    ("9999-11-30T12:00", 1, Datepart.MONTH, "9999-12-30T12:00"),
]


@pytest.mark.parametrize(("since", "number", "datepart", "end"), CASES)
def test_a_span_ends_by_the_calendar_of_utc(since: str, number: int, datepart: Datepart, end: str) -> None:
    began = datetime.fromisoformat(since).replace(tzinfo=UTC)
    assert Span(number, datepart).after(began) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize("datepart", [each for each in Datepart if each is not Datepart.MINUTE])
def test_the_longest_span_never_ends(datepart: Datepart) -> None:
    assert Span(NUMBER_LIMIT, datepart).after(datetime(1, 1, 2, tzinfo=UTC)) is None


@pytest.mark.parametrize("datepart", Datepart)
def test_a_span_beyond_the_year_9999_never_ends(datepart: Datepart) -> None:
    assert Span(1, datepart).after(datetime(9999, 12, 31, 23, 59, 30, tzinfo=UTC)) is None


def test_half_a_pair_is_no_span() -> None:
    assert Span.of(None, None) is None
    assert Span.of(2, Datepart.DAY) == Span(2, Datepart.DAY)
