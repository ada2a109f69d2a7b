"""A span is a number and a unit, together or not at all."""

import pytest

from watcher.domain.errors import InvalidValue
from watcher.domain.span import NUMBER_LIMIT, Datepart, checked_span


@pytest.mark.parametrize("number", [1, NUMBER_LIMIT])
def test_a_span_has_a_number_and_a_unit(number: int) -> None:
    for datepart in Datepart:
        checked_span("freshness", number, datepart)


def test_a_span_may_be_missing() -> None:
    checked_span("freshness", None, None)


@pytest.mark.parametrize(("number", "datepart"), [(1, None), (None, Datepart.DAY), (0, None)])
def test_half_a_span_is_refused_by_the_name_of_the_pair(
    number: int | None, datepart: Datepart | None
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        checked_span("timeliness", number, datepart)
    assert refusal.value.field == "timeliness_number and timeliness_datepart"


@pytest.mark.parametrize("number", [0, -1, NUMBER_LIMIT + 1])
def test_a_number_out_of_bounds_is_refused(number: int) -> None:
    with pytest.raises(InvalidValue) as refusal:
        checked_span("freshness", number, Datepart.DAY)
    assert str(refusal.value) == "freshness_number must be between 1 and 2,147,483,647."
