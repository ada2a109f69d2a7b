"""Judging many runs at once."""

from datetime import UTC, datetime, timedelta

from watcher.domain.anomaly import MetricField
from watcher.domain.anomaly_incident import Course
from watcher.domain.anomaly_judging import Earlier, Judging, Run, Source, Waiting
from watcher.domain.anomaly_rules import AnomalyDetectionRule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = MetricField.TOTAL_ROWS


def test_a_run_that_cannot_be_reckoned_with_is_told_of_and_passed_over() -> None:
    rule = AnomalyDetectionRule(
        id=1,
        pipeline_id=1,
        metric_field=ROWS,
        z_threshold=3.0,
        lookback_days=30,
        minimum_executions=5,
        active=True,
        created_at=NOON,
        updated_at=None,
    )
    starts = [NOON - timedelta(days=day) for day in range(20, 0, -1)]
    earlier = Earlier(list(range(20)), starts, {ROWS: [100.0] * 20})
    judging = Judging({1: Source(earlier)}, {1: Course(None)}, NOON)
    runs = [Run(100 + turn, 1, NOON, {ROWS: value}) for turn, value in enumerate([-5.0, 100.0])]
    for _ in judging.proceeds([Waiting(run, [rule]) for run in runs]):
        pass
    assert [entry.judged.execution_id for entry in judging.entries] == [101]
    (unjudged,) = judging.unjudged
    assert str(unjudged).startswith("Execution 100 could not be judged by rule 1: ValueError")
