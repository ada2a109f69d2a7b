"""Which earlier runs are asked for, and that they stay few."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher.domain.anomaly import AnomalyRule, MetricField, Observation
from watcher.domain.anomaly_sample import RECENT_RUNS, STRETCH_DAYS, STRETCH_RUNS, anchors, sampled
from watcher.domain.clock import FIRST
from watcher.domain.errors import InvalidValue

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def rule(**given: float) -> AnomalyRule:
    return AnomalyRule(pipeline_id=1, metric_field=MetricField.INSERTS, **given)  # type: ignore[arg-type]


def every(gap: timedelta, count: int) -> list[Observation]:
    return [Observation(NOW - number * gap, number) for number in range(count, 0, -1)]


def test_a_daily_pipeline_is_known_by_the_lookback_in_whole_weeks() -> None:
    sample = sampled(every(timedelta(days=1), 400), NOW, rule())
    assert [run.value for run in sample.recent] == list(range(35, 0, -1))
    assert sample.earlier == []


def test_a_weekly_pipeline_is_known_by_the_minimum_of_runs() -> None:
    assert len(sampled(every(timedelta(days=7), 400), NOW, rule()).recent) == 30
    assert len(sampled(every(timedelta(days=7), 400), NOW, rule(minimum_executions=50)).recent) == 50


def test_what_is_older_than_three_years_is_forgotten() -> None:
    assert len(sampled(every(timedelta(days=60), 400), NOW, rule()).recent) == 18


def test_a_fast_pipeline_is_known_by_its_latest_runs_and_by_its_time_of_day() -> None:
    sample = sampled(every(timedelta(minutes=15), 10_000), NOW, rule())
    assert len(sample.recent) == RECENT_RUNS
    assert len(sample.earlier) == 34
    for stretch in sample.earlier:
        assert len(stretch) == STRETCH_RUNS
        assert stretch[-1].start_date.time() == NOW.time()


@pytest.mark.parametrize("minutes", [1, 7, 15, 60, 240, 1440, 10_080])
@pytest.mark.parametrize("lookback", [1, 30, 365])
def test_the_sample_is_bounded_however_long_the_history(minutes: int, lookback: int) -> None:
    by = rule(lookback_days=lookback)
    sample = sampled(every(timedelta(minutes=minutes), 20_000), NOW, by)
    assert len(sample.recent) <= RECENT_RUNS
    assert sum(map(len, sample.earlier)) <= STRETCH_DAYS * STRETCH_RUNS
    starts = [run.start_date for stretch in sample.earlier for run in stretch]
    assert not starts or max(starts) < sample.recent[0].start_date


def test_the_beginning_of_the_calendar_is_no_trouble() -> None:
    start = FIRST + timedelta(days=2)
    runs = [Observation(start - timedelta(hours=hour), 1) for hour in range(20, 0, -1)]
    assert list(sampled(runs, start, rule()).recent) == runs
    assert len(anchors(start, rule())) == 2


def test_nothing_before_is_nothing_to_know() -> None:
    assert not sampled([], NOW, rule()).recent


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("z_threshold", 0),
        ("z_threshold", 10.5),
        ("z_threshold", float("nan")),
        ("lookback_days", 0),
        ("lookback_days", 366),
        ("minimum_executions", 4),
        ("minimum_executions", 1001),
    ],
)
def test_a_rule_has_bounds(field: str, value: float) -> None:
    with pytest.raises(InvalidValue, match=field):
        rule(**{field: value})
