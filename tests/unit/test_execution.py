"""How long a run took, how fast it was, and how it may end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from watcher.domain.clock import FIRST, LAST, in_utc
from watcher.domain.errors import InvalidValue
from watcher.domain.execution import (
    MICROSECOND,
    Execution,
    ExecutionAlreadyEnded,
    ExecutionEndsBeforeStart,
    Outcome,
    Start,
    duration_seconds,
    throughput,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
durations = st.integers(0, 10**6) | st.integers(0, 10**17)
rows = st.integers(0, 10**6) | st.integers(0, 2**63 - 1)


@given(rows, durations)
@example(1, 20_000_000_000)
@example(3, 20_000_000_000)
def test_throughput_is_exact_to_four_decimals_half_away_from_zero(total_rows: int, microseconds: int) -> None:
    begin = FIRST + MICROSECOND
    told = throughput(total_rows, begin, begin + timedelta(microseconds=microseconds))
    if total_rows == 0 or microseconds == 0:
        assert told is None
        return
    ten_thousandths = Fraction(total_rows * 10**6, microseconds) * 10_000
    rounded = (2 * ten_thousandths.numerator + ten_thousandths.denominator) // (
        2 * ten_thousandths.denominator
    )
    assert told == rounded / 10_000


@given(durations)
def test_duration_is_in_whole_seconds_rounded_down(microseconds: int) -> None:
    begin = FIRST + MICROSECOND
    assert duration_seconds(begin, begin + timedelta(microseconds=microseconds)) == microseconds // 10**6


def test_without_rows_or_without_duration_there_is_no_throughput() -> None:
    assert throughput(None, NOON, NOON + MICROSECOND) is None
    assert throughput(0, NOON, NOON + MICROSECOND) is None
    assert throughput(5, NOON, NOON) is None


def outcome(seconds: float, *, success: bool = True, inserts: int | None = None) -> Outcome:
    end_date = NOON + timedelta(seconds=seconds)
    return Outcome(end_date=end_date, completed_successfully=success, inserts=inserts)


RUN = Execution.begun(1, Start(pipeline_id=1, start_date=NOON))


def test_a_run_that_ended_so_is_itself() -> None:
    ended = RUN.ended(outcome(1, inserts=1))
    assert ended.ended(outcome(1, inserts=1)) is ended


def test_a_run_that_ended_otherwise_says_how() -> None:
    with pytest.raises(ExecutionAlreadyEnded) as refusal:
        RUN.ended(outcome(1, success=False)).ended(outcome(1))
    assert str(refusal.value) == (
        "Pipeline execution 1 already failed at 2026-03-01T12:00:01+00:00, otherwise than this says."
    )


def test_an_end_before_the_start_is_refused_whether_the_run_ended_or_not() -> None:
    for run in (RUN, RUN.ended(outcome(1))):
        with pytest.raises(ExecutionEndsBeforeStart):
            run.ended(outcome(-0.000001))


@pytest.mark.parametrize("field", Outcome.COUNTS)
@pytest.mark.parametrize("count", [-1, 2**63])
def test_a_count_that_cannot_be_kept_is_refused(field: str, count: int) -> None:
    wrong: dict[str, Any] = {field: count}
    with pytest.raises(InvalidValue) as refusal:
        replace(outcome(1), **wrong)
    assert refusal.value.field == field


calendar = st.timedeltas(timedelta(days=2), LAST - FIRST - timedelta(days=2)).map(
    lambda since: (FIRST + since).replace(tzinfo=None)
)


@given(calendar, st.integers(-1439, 1439))
def test_a_time_is_read_in_its_zone_and_without_one_in_utc(local: datetime, offset: int) -> None:
    zoned = local.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert in_utc("t", zoned) == zoned
    assert in_utc("t", zoned).tzinfo is UTC
    assert in_utc("t", local) == local.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "instant",
    [
        LAST.replace(tzinfo=timezone(timedelta(hours=-1))),
        FIRST.replace(tzinfo=timezone(timedelta(hours=1))),
        FIRST.replace(tzinfo=None),
        LAST.replace(tzinfo=None),
        FIRST,
        LAST,
    ],
    ids=str,
)
def test_a_time_beyond_the_calendar_is_refused(instant: datetime) -> None:
    with pytest.raises(InvalidValue):
        in_utc("end_date", instant)
