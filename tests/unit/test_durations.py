"""How long jobs take: counted by the minute, in buckets of five percent."""

import math
import random
import statistics
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.adapters.memory.durations import MemoryDurations
from watcher.domain.durations import BUCKETS, WINDOW, bucket, summed
from watcher.domain.jobs import Job

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.lists(st.floats(0.0002, 3_000), min_size=1, max_size=300))
def test_count_and_mean_are_exact_and_the_percentile_to_five_percent(durations: list[float]) -> None:
    found = summed(Counter(map(bucket, durations)), sum(durations))
    assert found is not None
    exact = sorted(durations)[math.ceil(0.95 * len(durations)) - 1]
    assert found.count == len(durations)
    assert found.mean_seconds == pytest.approx(statistics.fmean(durations), abs=1e-6)
    assert exact * 0.9999 - 1e-6 <= found.p95_seconds <= exact * 1.0501 + 1e-6


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert summed({}, 0.0) is None


@pytest.mark.parametrize("seconds", [0.0, 1e-12, 1e9, -1.0])
def test_what_is_beyond_all_measure_is_counted_at_the_edge(seconds: float) -> None:
    assert bucket(seconds) in {0, BUCKETS - 1}


async def test_what_is_older_than_the_window_is_forgotten() -> None:
    durations = MemoryDurations()
    await durations.record(Job.CHECK_FRESHNESS, 1.0, NOON)
    await durations.record(Job.CHECK_FRESHNESS, 3.0, NOON + WINDOW / 2)
    found = (await durations.measured(NOON + WINDOW / 2))[Job.CHECK_FRESHNESS]
    assert (found.count, found.mean_seconds) == (2, 2.0)
    found = (await durations.measured(NOON + WINDOW))[Job.CHECK_FRESHNESS]
    assert (found.count, found.mean_seconds) == (1, 3.0)
    assert await durations.measured(NOON + 2 * WINDOW) == {}


async def test_what_is_kept_is_bounded() -> None:
    durations = MemoryDurations()
    for second in range(0, 20_000, 7):
        await durations.record(Job.CHECK_FRESHNESS, random.random(), NOON + timedelta(seconds=second))
    assert len(durations._buckets) == 60
