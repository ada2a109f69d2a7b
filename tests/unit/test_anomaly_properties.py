"""What holds of verdicts on any history."""

from datetime import UTC, datetime, timedelta
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from watcher.domain.anomaly import AnomalyRule, MetricField, Observation, Standing
from watcher.domain.anomaly_judge import judge
from watcher.domain.anomaly_points import COUNTS
from watcher.domain.anomaly_sample import Sample, sampled

NOW = datetime(2026, 3, 29, 6, tzinfo=UTC)
BIGINT = 2**63 - 1

counts = st.integers(0, 50) | st.integers(0, 10**6) | st.integers(0, BIGINT)
thresholds = st.floats(0.1, 10)


@st.composite
def histories(
    draw: st.DrawFn, values: st.SearchStrategy[float] = counts, least: int = 0
) -> list[Observation]:
    """Runs before NOW, ascending: evenly spaced or not, some flagged."""
    drawn = draw(st.lists(values, min_size=least, max_size=60))
    usual = draw(
        st.sampled_from([timedelta(minutes=15), timedelta(hours=1), timedelta(days=1), timedelta(days=7)])
    )
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 30]), min_size=len(drawn), max_size=len(drawn)))
    flags = draw(st.lists(st.booleans(), min_size=len(drawn), max_size=len(drawn)))
    at, runs = NOW, []
    for value, gap, flagged in zip(drawn, gaps, flags, strict=True):
        at -= usual * gap
        runs.append(Observation(at, value, flagged))
    return runs[::-1]


def rule(metric_field: MetricField = MetricField.INSERTS, z_threshold: float = 3.0) -> AnomalyRule:
    return AnomalyRule(
        pipeline_id=1, metric_field=metric_field, z_threshold=z_threshold, minimum_executions=5
    )


@settings(max_examples=300, deadline=None)
@given(histories(), counts, st.sampled_from(MetricField), thresholds)
def test_any_history_has_a_verdict_that_agrees_with_its_band(
    runs: list[Observation], value: int, metric_field: MetricField, threshold: float
) -> None:
    by = rule(metric_field, threshold)
    verdict = judge(by, NOW, value, sampled(runs, NOW, by))
    assert verdict.sentence
    if verdict.standing is Standing.LEARNING:
        assert verdict.missing > 0
        return
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.expected is not None
    assert verdict.anomalous == (not verdict.low <= value <= verdict.high)
    assert 0 <= verdict.low <= verdict.high
    assert verdict.history_size > 0


@settings(max_examples=100, deadline=None)
@given(histories(st.floats(0, 1e25)), st.floats(0, 1e25))
def test_ratios_of_any_size_have_a_verdict(runs: list[Observation], value: float) -> None:
    by = rule(MetricField.THROUGHPUT)
    assert judge(by, NOW, value, sampled(runs, NOW, by)).sentence


@settings(max_examples=100, deadline=None)
@given(histories(), counts, st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_given_does_not_matter(
    runs: list[Observation], value: int, random: Random
) -> None:
    shuffled = list(runs)
    random.shuffle(shuffled)
    assert judge(rule(), NOW, value, Sample(shuffled)) == judge(rule(), NOW, value, Sample(runs))


@settings(max_examples=100, deadline=None)
@given(histories(least=5), counts, histories())
def test_later_runs_change_nothing(runs: list[Observation], value: int, others: list[Observation]) -> None:
    later = [Observation(NOW + (NOW - run.start_date), run.value, run.flagged) for run in others]
    later = [Observation(NOW, value), *sorted(later, key=lambda run: run.start_date)]
    by = rule()
    assert sampled(runs + later, NOW, by) == sampled(runs, NOW, by)
    assert judge(by, NOW, value, Sample(runs + later)) == judge(by, NOW, value, Sample(runs))


@settings(max_examples=100, deadline=None)
@given(histories(least=5), counts, st.integers(-200, 200))
def test_weeks_do_not_matter_but_for_the_calendar_of_months(
    runs: list[Observation], value: int, weeks: int
) -> None:
    runs = [run for run in runs if run.start_date > NOW - timedelta(days=27)]
    moved = [Observation(run.start_date + timedelta(weeks=weeks), run.value, run.flagged) for run in runs]
    there = judge(rule(), NOW + timedelta(weeks=weeks), value, Sample(moved))
    here = judge(rule(), NOW, value, Sample(runs))
    assert (there.standing, there.expected, there.low, there.high) == (
        here.standing,
        here.expected,
        here.low,
        here.high,
    )


@settings(max_examples=100, deadline=None)
@given(histories(st.integers(10**4, 10**5), least=10), st.integers(1, 10**6), st.integers(1, 1_000))
def test_large_counts_are_judged_by_proportion(runs: list[Observation], value: int, factor: int) -> None:
    """Unless two baselines foretell so much alike that the least rounding decides between them."""

    def expected(times: int) -> float:
        grown = [Observation(run.start_date, run.value * times, run.flagged) for run in runs]
        return (judge(rule(), NOW, value * times, Sample(grown)).expected or 0) / times

    here = expected(1)
    assume(all(expected(times) == pytest.approx(here, rel=1e-2) for times in (2, 3, 5, 7)))
    assert expected(factor) == pytest.approx(here, rel=1e-2)


@settings(max_examples=100, deadline=None)
@given(counts, st.integers(5, 60), st.sampled_from(sorted(COUNTS)))
def test_what_never_varied_is_normal_when_it_does_not(
    value: int, runs: int, metric_field: MetricField
) -> None:
    history = [Observation(NOW - timedelta(days=days), value) for days in range(runs, 0, -1)]
    verdict = judge(rule(metric_field), NOW, value, Sample(history))
    assert verdict.standing is Standing.NORMAL
    assert verdict.expected == pytest.approx(value)


@settings(max_examples=100, deadline=None)
@given(histories(least=5), st.integers(1, BIGINT))
def test_a_higher_threshold_flags_no_more(runs: list[Observation], value: int) -> None:
    lenient = judge(rule(z_threshold=6), NOW, value, Sample(runs))
    strict = judge(rule(z_threshold=2), NOW, value, Sample(runs))
    assert strict.anomalous or not lenient.anomalous


@given(histories(least=5), counts)
def test_a_verdict_depends_on_nothing_else(runs: list[Observation], value: int) -> None:
    assert judge(rule(), NOW, value, Sample(runs)) == judge(rule(), NOW, value, Sample(tuple(runs)))
