"""What people are told."""

from datetime import UTC, date, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from watcher.domain.anomaly import Bucket, MetricField
from watcher.domain.anomaly_baselines import Baseline
from watcher.domain.anomaly_sentences import compared, dried_up, rounded, still_learning
from watcher.domain.anomaly_zeros import Drought

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
SATURDAY = datetime(2026, 3, 7, 18, 30, tzinfo=UTC)


def baseline(bucket: Bucket, size: int = 8, days: int = 8, on: date | None = None) -> Baseline:
    return Baseline(bucket, 0.0, 1.0, size, days, 0.0, on)


def said(found: Baseline, start: datetime = MONDAY) -> str:
    return compared(MetricField.TOTAL_ROWS, start, 412, (30_960.2, 48_049.9), found)


@pytest.mark.parametrize(
    ("start", "found", "end"),
    [
        (MONDAY, baseline(Bucket.HOUR_OF_WEEK), "on Mondays at 06:00, from 8 Mondays"),
        (MONDAY, baseline(Bucket.HOUR_OF_WEEK, size=20), "on Mondays at 06:00, from 20 runs"),
        (MONDAY, baseline(Bucket.HOUR_OF_WEEKDAY_CLASS), "on workdays at 06:00, from 8 days"),
        (SATURDAY, baseline(Bucket.HOUR_OF_WEEKDAY_CLASS), "on weekends at 18:30, from 8 days"),
        (SATURDAY, baseline(Bucket.HOUR), "at 18:30, from 8 days"),
        (SATURDAY, baseline(Bucket.WEEKDAY), "on Saturdays, from 8 Saturdays"),
        (MONDAY, baseline(Bucket.WEEKDAY_CLASS), "on workdays, from 8 days"),
    ],
)
def test_a_sentence_says_what_was_expected_and_from_what(start: datetime, found: Baseline, end: str) -> None:
    assert said(found, start) == f"412 rows; 31,000 to 48,000 expected {end}"


def test_without_a_bucket_it_is_the_last_runs() -> None:
    assert said(baseline(Bucket.ALL, 117)) == "412 rows; 31,000 to 48,000 expected, from the last 117 runs"


def test_a_precedent_has_its_date() -> None:
    found = baseline(Bucket.PRECEDENT, 1, 1, date(2026, 2, 28))
    assert said(found) == "412 rows; 31,000 to 48,000 expected, as on 28 February"


@pytest.mark.parametrize(
    ("metric_field", "value", "words"),
    [
        (MetricField.TOTAL_ROWS, 1, "1 row;"),
        (MetricField.INSERTS, 2**63 - 1, "9,223,372,036,854,775,807 rows inserted;"),
        (MetricField.UPDATES, 0, "0 rows updated;"),
        (MetricField.SOFT_DELETES, 3, "3 rows soft-deleted;"),
        (MetricField.DURATION_SECONDS, 3_600, "3,600 seconds;"),
        (MetricField.THROUGHPUT, 12.5, "12.5 rows a second;"),
        (MetricField.THROUGHPUT, 1234.0, "1,234 rows a second;"),
    ],
)
def test_values_are_exact_and_have_units(metric_field: MetricField, value: float, words: str) -> None:
    assert compared(metric_field, MONDAY, value, (1.0, 2.0), baseline(Bucket.ALL)).startswith(words)


def test_learning_and_drying_up_have_sentences_too() -> None:
    assert still_learning(1) == "Learning: 1 more successful run until the first verdict."
    assert still_learning(29) == "Learning: 29 more successful runs until the first verdict."
    assert dried_up(MetricField.INSERTS, Drought(12, 5, 4.0)) == (
        "0 rows inserted in 12 runs one after the other; never more than 5 before"
    )


@given(st.floats(0, 1e25))
def test_rounding_never_crosses_a_value(value: float) -> None:
    down, up = (float(rounded(value, up=up).replace(",", "")) for up in (False, True))
    assert down <= value * (1 + 1e-9)
    assert up >= value * (1 - 1e-9) - 1e-4
    assert up - down <= value / 99 + 1e-4
