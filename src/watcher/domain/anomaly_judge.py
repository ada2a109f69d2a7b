"""Whether a run looks like those before it.

The method, a clause each:
- History is prior successful runs (`anomaly_sample`): what began at the same instant or later is not looked at.
- A run is expected at its level, the median of the seven runs before, plus the step usual in its bucket; or at
  the size usual in its bucket. Centres are medians, scales robust (`anomaly_scale`), both of one-step residuals.
- Seasonal buckets are used where they have four runs and foretell the run's like better (`anomaly_baselines`).
- A run is anomalous if no baseline that foretells about as well explains it, nor a precedent in the calendar.
- Flagged runs are kept out of scales, not out of levels: a lasting shift is told until the level has followed.
- Counts and durations are judged by their logarithms, ratios as they are, empty runs by their rate.
- What is owed is not held against a run: after a gap it may bring as much more as the gap was longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log1p, sqrt
from operator import lt

from watcher.domain.anomaly import AnomalyRule, Bucket, Observation, Standing, Verdict
from watcher.domain.anomaly_baselines import Baseline, plausible, precedents
from watcher.domain.anomaly_points import COUNTS, LINEAR, Past, known, scaled, unscaled
from watcher.domain.anomaly_sample import Sample
from watcher.domain.anomaly_scale import middle
from watcher.domain.anomaly_sentences import compared, dried_up, still_learning
from watcher.domain.anomaly_times import Times, timed
from watcher.domain.anomaly_zeros import drought, rarity

EFFECT = 0.3
"""A difference of less than this share of what was expected is not worth a message."""

UNITS = 5.0
"""Nor is one of less than so many rows, seconds, or rows a second."""

FLOOR = 0.02
"""No scale is smaller: 2 %, of a constant history too."""

COUNT_FLOOR = 0.3
"""Nor smaller than this share of the square root of what was expected, as a share of it: small numbers vary."""

UNKNOWN_SD = 1.0
"""The scale, in logarithms, where fewer than seven runs had rows: only what is out of all proportion is told."""

OWING = 1.5
"""A gap is one from so many times the usual."""


@dataclass(frozen=True, slots=True)
class _Band:
    baseline: Baseline
    expected: float
    low: float
    high: float
    score: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def judge(rule: AnomalyRule, start_date: datetime, value: float, sample: Sample) -> Verdict:
    """Judges a run's metric by the runs before it, of which only the latest 120 and the earlier days count.

    `value` is in the metric's unit and not negative.
    """
    return judged(rule, start_date, value, Past.of(rule.metric_field, _prior(start_date, sample)))


def judged(
    rule: AnomalyRule, start_date: datetime, value: float, past: Past, times: Times | None = None
) -> Verdict:
    """As `judge`, from runs of which each began before the next; `times` are those of `past.latest()`, if known."""
    missing = rule.minimum_executions - len(past)
    if missing > 0:
        return Verdict(standing=Standing.LEARNING, sentence=still_learning(missing), missing=missing)
    past = past.latest()
    history = known(start_date, past, times or timed(start_date, past.starts, past.cuts))
    gap = history.times.gap
    found = plausible(history) or [_guess(rule, gap, past)]
    bands = [_band(rule, value, gap, baseline) for baseline in found]
    if rule.metric_field in COUNTS and value <= 0:
        return _empty(rule, start_date, max(bands, key=lambda band: band.score), past.sample())
    if not any(band.holds(value) for band in bands):
        calendar = precedents(start_date, history, found[0])
        bands += [_band(rule, value, gap, precedent) for precedent in calendar]
    return _verdict(rule, start_date, value, next((band for band in bands if band.holds(value)), bands[0]))


def _empty(rule: AnomalyRule, start_date: datetime, band: _Band, sample: Sample) -> Verdict:
    """Judges a run without rows: by how far that is off, where that never was; else by how rare it is."""
    dry = drought(sample.recent)
    if dry.sigmas >= rule.z_threshold:
        sentence = dried_up(rule.metric_field, dry)
        return _verdict(rule, start_date, 0, _above_zero(band, -dry.sigmas), sentence)
    rare = min(rarity(start_date, sample), max(0.0, -band.score))
    if rare >= rule.z_threshold:
        return _verdict(rule, start_date, 0, _above_zero(band, -rare))
    return _verdict(rule, start_date, 0, _Band(band.baseline, band.expected, 0.0, band.high, -rare))


def _above_zero(band: _Band, score: float) -> _Band:
    low = max(1.0, band.low)
    return _Band(band.baseline, band.expected, low, max(low, band.high), score)


def _verdict(
    rule: AnomalyRule, start_date: datetime, value: float, band: _Band, sentence: str | None = None
) -> Verdict:
    edges = (band.low, band.high)
    return Verdict(
        standing=Standing.NORMAL if band.holds(value) else Standing.ANOMALOUS,
        sentence=sentence or compared(rule.metric_field, start_date, value, edges, band.baseline),
        expected=band.expected,
        low=band.low,
        high=band.high,
        score=band.score,
        bucket=band.baseline.bucket,
        history_size=band.baseline.size,
    )


def _prior(start_date: datetime, sample: Sample) -> Sample:
    """The sample in order, without what is not before."""

    def prior(runs: Sequence[Observation]) -> Sequence[Observation]:
        starts = [run.start_date for run in runs]
        if all(map(lt, starts, [*starts[1:], start_date])):
            return runs
        return sorted([run for run in runs if run.start_date < start_date], key=_order)

    return Sample(prior(sample.recent), [prior(stretch) for stretch in sample.earlier])


def _order(run: Observation) -> tuple[datetime, float, bool]:
    return run.start_date, run.value, run.flagged


def _guess(rule: AnomalyRule, gap: float, past: Past) -> Baseline:
    """The median of what there is, give or take a factor of e."""
    latest = range(past.cuts.first, past.cuts.end)
    sizes = sorted([past.sizes[index] for index in latest if past.values[index] > 0])
    centre = middle(sizes) if sizes else 0.0
    sd = UNKNOWN_SD * (centre if rule.metric_field in LINEAR else 1.0)
    return Baseline(Bucket.ALL, centre, sd, len(latest), len(latest), gap)


def _band(rule: AnomalyRule, value: float, gap: float, baseline: Baseline) -> _Band:
    metric, linear = rule.metric_field, rule.metric_field in LINEAR
    expected = unscaled(metric, baseline.centre)
    floor = FLOOR * expected if linear else max(FLOOR, COUNT_FLOOR / sqrt(1 + expected))
    sd = max(baseline.sd, floor) or 1.0
    reach = max(rule.z_threshold * sd, EFFECT * expected if linear else log1p(EFFECT))
    low = min(unscaled(metric, baseline.centre - reach), expected - UNITS)
    high = max(unscaled(metric, baseline.centre + reach), expected + UNITS)
    behind = gap / baseline.gap if baseline.gap else 1.0
    owed = 1.0 if linear or behind < OWING else behind
    score = (scaled(metric, value) - baseline.centre) / sd
    return _Band(baseline, expected, max(0.0, low), high * owed, score)
