"""A run is judged by the runs before it, clause by clause."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from watcher.domain.anomaly import AnomalyRule, Bucket, MetricField, Observation, Standing, Verdict
from watcher.domain.anomaly_judge import judge
from watcher.domain.anomaly_sample import Sample, sampled

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RULE = AnomalyRule(pipeline_id=1, metric_field=MetricField.TOTAL_ROWS)


def rule(metric_field: MetricField = MetricField.TOTAL_ROWS, **given: float) -> AnomalyRule:
    return AnomalyRule(pipeline_id=1, metric_field=metric_field, **given)  # type: ignore[arg-type]


def before(start: datetime, values: Sequence[float], every: timedelta = DAY) -> list[Observation]:
    """Runs with these values, the last of them one step before `start`."""
    count = len(values)
    return [Observation(start - (count - index) * every, value) for index, value in enumerate(values)]


def judged(value: float, values: Sequence[float], by: AnomalyRule = RULE, every: timedelta = DAY) -> Verdict:
    return judge(by, MONDAY, value, sampled(before(MONDAY, values, every), MONDAY, by))


def followed(
    values: Sequence[float], every: timedelta = DAY, by: AnomalyRule = RULE, start: datetime = MONDAY
) -> list[Verdict]:
    """The verdicts on runs one after the other; what is flagged stays flagged."""
    seen: list[Observation] = []
    verdicts = []
    for index, value in enumerate(values):
        at = start + index * every
        verdict = judge(by, at, value, sampled(seen, at, by))
        verdicts.append(verdict)
        seen.append(Observation(at, value, verdict.anomalous))
    return verdicts


def flagged(verdicts: Sequence[Verdict]) -> list[int]:
    return [index for index, verdict in enumerate(verdicts) if verdict.anomalous]


def noisy(count: int, size: float = 40_000, spread: float = 0.1, seed: int = 1) -> list[int]:
    random = Random(seed)
    return [round(size * math.exp(random.gauss(0, spread))) for _ in range(count)]


def weekly(count: int, shape: Callable[[datetime], float], every: timedelta = DAY) -> list[int]:
    random = Random(2)
    starts = [MONDAY - (count - index) * every for index in range(count)]
    return [round(shape(start) * math.exp(random.gauss(0, 0.05))) for start in starts]


def workdays(start: datetime) -> float:
    return 40_000 if start.weekday() < 5 else 2_000


@pytest.mark.parametrize("runs", [0, 1, 29])
def test_below_the_minimum_it_learns_and_says_how_many_runs_are_missing(runs: int) -> None:
    verdict = judged(0, noisy(runs))
    assert (verdict.standing, verdict.missing) == (Standing.LEARNING, 30 - runs)
    assert (verdict.expected, verdict.score, verdict.bucket) == (None, None, None)


def test_from_the_minimum_on_every_run_is_judged() -> None:
    assert judged(40_000, noisy(30)).standing is Standing.NORMAL
    assert judged(40_000, noisy(5), rule(minimum_executions=5)).standing is Standing.NORMAL


def test_a_weekly_pipeline_is_judged_by_its_last_thirty_runs_however_short_the_lookback() -> None:
    assert judged(400, noisy(30), every=7 * DAY).anomalous
    assert not judged(40_000, noisy(30), every=7 * DAY).anomalous


@pytest.mark.parametrize("value", [0, 400, 20_000, 80_000, 4_000_000])
def test_what_is_far_from_the_rest_is_anomalous(value: int) -> None:
    verdict = judged(value, noisy(60))
    assert verdict.anomalous
    assert verdict.score is not None
    assert (verdict.score < 0) == (value < 40_000)


def test_a_verdict_says_what_was_expected() -> None:
    verdict = judged(41_000, noisy(60))
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.expected == pytest.approx(40_000, rel=0.1)
    assert verdict.low < 35_000
    assert verdict.high > 46_000
    assert abs(verdict.score or 0) < 1
    assert verdict.history_size > 20


def test_the_threshold_is_the_sensitivity() -> None:
    values = noisy(60)
    narrow, wide = (judged(40_000, values, rule(z_threshold=threshold)) for threshold in (3, 6))
    assert narrow.expected == wide.expected
    assert math.log1p(wide.high or 0) - math.log1p(wide.expected or 0) == pytest.approx(
        2 * (math.log1p(narrow.high or 0) - math.log1p(narrow.expected or 0))
    )
    assert judged(70_000, values, rule(z_threshold=3)).anomalous
    assert not judged(70_000, values, rule(z_threshold=8)).anomalous


def test_neither_the_run_itself_nor_a_later_one_is_looked_at() -> None:
    runs = before(MONDAY, noisy(60))
    later = [Observation(MONDAY + index * HOUR, 10**9) for index in range(50)]
    alone = judge(RULE, MONDAY, 44_000, Sample(runs))
    assert judge(RULE, MONDAY, 44_000, Sample([*later, *runs], [later])) == alone
    assert sampled(runs + later, MONDAY, RULE) == sampled(runs, MONDAY, RULE)


def test_flagged_runs_do_not_widen_the_band() -> None:
    values: list[float] = [*noisy(60)]
    spoilt = before(MONDAY, values)
    for index in (10, 20, 30, 40, 50):
        spoilt[index] = Observation(spoilt[index].start_date, 4_000_000, flagged=True)
    assert judge(RULE, MONDAY, 80_000, Sample(spoilt)).anomalous


def test_so_many_flagged_runs_are_no_exceptions() -> None:
    values = [value * (4 if index % 3 == 0 else 1) for index, value in enumerate(noisy(90))]
    runs = [
        Observation(run.start_date, run.value, flagged=index % 3 == 0)
        for index, run in enumerate(before(MONDAY, values))
    ]
    assert not judge(RULE, MONDAY, 160_000, Sample(runs)).anomalous


def test_a_level_shift_is_told_once_and_becomes_the_new_normal() -> None:
    verdicts = followed(noisy(60) + noisy(60, 120_000, seed=3))
    assert flagged(verdicts) == [60, 61, 62, 63]


def test_a_spike_does_not_make_the_runs_after_it_look_wrong() -> None:
    values = noisy(60)
    values[50] *= 20
    assert flagged(followed(values)) == [50]


def test_growth_is_no_anomaly() -> None:
    assert flagged(followed([round(value * 1.02**day) for day, value in enumerate(noisy(120))])) == []


def test_weekends_are_compared_with_weekends() -> None:
    values = weekly(70, workdays)
    assert judged(2_000, values).anomalous
    assert not judged(40_000, values).anomalous
    assert judged(40_000, values).bucket in {Bucket.WEEKDAY, Bucket.WEEKDAY_CLASS}
    saturday = before(MONDAY, values)[:-2]
    assert not judge(RULE, MONDAY - 2 * DAY, 2_000, Sample(saturday)).anomalous
    assert judge(RULE, MONDAY - 2 * DAY, 40_000, Sample(saturday)).anomalous


def test_hours_are_compared_with_hours() -> None:
    def office(start: datetime) -> float:
        return 50_000 if start.hour == 6 else 1_000

    values = weekly(24 * 28, office, HOUR)
    assert not judged(50_000, values, every=HOUR).anomalous
    assert judged(1_000, values, every=HOUR).anomalous
    assert judged(50_000, values, every=HOUR).bucket is Bucket.HOUR


def test_a_quarter_hourly_pipeline_knows_its_mondays() -> None:
    def closed_on_sundays(start: datetime) -> float:
        return 30 if start.weekday() == 6 else 3_000

    def busy_mondays(start: datetime) -> float:
        return 20_000 if start.weekday() == 0 and start.hour == 6 else closed_on_sundays(start)

    values = weekly(4 * 24 * 35, busy_mondays, HOUR / 4)
    assert not judged(20_000, values, every=HOUR / 4).anomalous
    assert judged(900_000, values, every=HOUR / 4).anomalous


def test_without_a_season_there_is_no_bucket() -> None:
    assert judged(40_000, noisy(84, spread=0.02)).bucket is Bucket.ALL


def test_what_happens_at_the_end_of_every_month_is_told_once_at_most() -> None:
    start = datetime(2025, 12, 1, 6, tzinfo=UTC)
    values = noisy(122)
    ends = [index for index in range(122) if (start + (index + 1) * DAY).day == 1]
    for index in ends:
        values[index] *= 5
    verdicts = followed(values, start=start)
    assert flagged(verdicts) == ends[:1]
    assert verdicts[ends[3]].sentence.endswith("expected, as on 28 February")


def test_empty_runs_are_anomalous_where_there_are_none() -> None:
    assert judged(0, noisy(60)).anomalous
    assert judged(0, [7] * 60).anomalous
    assert not judged(0, [0] * 60).anomalous


def test_empty_runs_are_judged_by_their_own_rate() -> None:
    random = Random(3)
    often_empty = [value if random.random() < 0.7 else 0 for value in noisy(120)]
    assert not judged(0, often_empty).anomalous
    assert not judged(40_000, often_empty).anomalous


def test_empty_weekends_do_not_excuse_an_empty_monday() -> None:
    values = weekly(70, lambda start: 40_000 if start.weekday() < 5 else 0)
    assert judged(0, values).anomalous
    assert not judge(RULE, MONDAY - 2 * DAY, 0, Sample(before(MONDAY, values)[:-2])).anomalous


def test_a_flagged_empty_run_does_not_excuse_the_next() -> None:
    values = noisy(60)
    values[40] = values[50] = 0
    assert flagged(followed(values)) == [40, 50]


def test_a_pipeline_that_dries_up_is_told() -> None:
    random = Random(4)
    values = [value if random.random() < 0.5 else 0 for value in noisy(100)]
    verdicts = followed([*values, *[0] * 30])
    assert verdicts[129].anomalous or verdicts[115].anomalous
    told = next(verdict for verdict in verdicts[100:] if verdict.anomalous)
    assert "one after the other; never more than" in told.sentence


def test_rows_where_there_were_never_any_are_told_from_a_certain_size() -> None:
    assert judged(5_000, [0] * 60).anomalous
    assert not judged(3, [0] * 60).anomalous


@pytest.mark.parametrize(
    ("value", "anomalous"), [(1_234, False), (1_235, False), (1_100, False), (600, True), (2_468, True)]
)
def test_a_constant_history_leaves_room_for_small_changes(value: int, anomalous: bool) -> None:
    assert judged(value, [1_234] * 60).anomalous is anomalous


def test_a_difference_too_small_to_matter_is_normal_whatever_its_score() -> None:
    verdict = judged(11_500, noisy(60, 10_000, 0.001))
    assert not verdict.anomalous
    assert (verdict.score or 0) > 3
    assert not judged(5, [1] * 60).anomalous


def test_ratios_are_judged_as_they_are() -> None:
    random = Random(5)
    speeds = [random.gauss(100, 10) for _ in range(60)]
    by = rule(MetricField.THROUGHPUT)
    assert judged(15.5, speeds, by).anomalous
    assert not judged(110.25, speeds, by).anomalous
    verdict = judged(100.0, speeds, by)
    assert (verdict.expected or 0) - (verdict.low or 0) == pytest.approx(
        (verdict.high or 0) - (verdict.expected or 0)
    )


def test_a_run_of_no_seconds_is_a_short_run_not_an_empty_one() -> None:
    by = rule(MetricField.DURATION_SECONDS)
    assert not judged(0, [1, 2, 1, 0, 2] * 12, by).anomalous
    assert not judged(0, [3] * 60, by).anomalous
    assert judged(0, noisy(60, 600), by).anomalous


def test_after_a_gap_a_run_may_bring_what_is_owed() -> None:
    runs = before(MONDAY, noisy(60))
    assert judge(RULE, MONDAY, 120_000, Sample(runs)).anomalous
    assert not judge(RULE, MONDAY, 120_000, Sample(runs[:-2])).anomalous
    assert judge(RULE, MONDAY, 1_000, Sample(runs[:-2])).anomalous


def test_summer_time_moves_a_daily_pipeline_without_a_message() -> None:
    runs = before(MONDAY + HOUR, weekly(70, workdays))
    assert not judge(RULE, MONDAY, 40_000, Sample(runs)).anomalous
    assert judge(RULE, MONDAY, 2_000, Sample(runs)).anomalous
