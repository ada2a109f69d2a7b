"""The schedule: when a job ticks, and which tick was the last."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.adapters.cron import CronSchedule
from watcher.domain.jobs import JOBS, Job

JOB = Job.CHECK_FRESHNESS
EXPRESSIONS = [
    "* * * * *", "*/5 * * * *", "17 * * * *", "0 3 * * *", "30 1-5 * * mon-fri", "0 0 1 1 *", "0 0 29 2 *", "59 23 31 12 *",
]  # fmt: skip


def schedule(expression: str) -> CronSchedule:
    return CronSchedule({JOB: expression})


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "tick"),
    [
        ("* * * * *", "2026-03-01 12:00:00", "2026-03-01 12:01"),
        ("* * * * *", "2026-03-01 12:00:59.999999", "2026-03-01 12:01"),
        ("*/5 * * * *", "2026-03-01 12:00:01", "2026-03-01 12:05"),
        ("*/5 * * * *", "2026-12-31 23:59:00", "2027-01-01 00:00"),
        ("17 * * * *", "2026-03-01 12:17:00", "2026-03-01 13:17"),
        ("0 3 * * mon", "2026-11-23 03:00:00", "2026-11-30 03:00"),
        ("0 0 29 2 *", "2026-03-01 00:00:00", "2028-02-29 00:00"),
        ("30 2 * * *", "2026-03-29 00:00:00", "2026-03-29 02:30"),
    ],
)
def test_the_tick_that_follows(expression: str, after: str, tick: str) -> None:
    assert schedule(expression).following(JOB, instant(after)) == instant(tick)


@pytest.mark.parametrize(
    ("expression", "at", "tick"),
    [
        ("* * * * *", "2026-03-01 12:00:00", "2026-03-01 12:00"),
        ("*/5 * * * *", "2026-03-01 12:04:59", "2026-03-01 12:00"),
        ("17 * * * *", "2026-03-01 12:16:59", "2026-03-01 11:17"),
        ("30 1-5 * * mon-fri", "2026-11-23 00:00:00", "2026-11-20 05:30"),
        ("0 0 29 2 *", "2026-03-01 00:00:00", "2024-02-29 00:00"),
    ],
)
def test_the_latest_tick(expression: str, at: str, tick: str) -> None:
    assert schedule(expression).latest(JOB, instant(at)) == instant(tick)


@given(
    st.sampled_from(EXPRESSIONS),
    st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_latest_tick_is_the_one_before_the_next(expression: str, at: datetime) -> None:
    ticks = schedule(expression)
    latest, following = ticks.latest(JOB, at), ticks.following(JOB, at)
    assert latest is not None
    assert latest <= at
    assert following == ticks.following(JOB, latest)
    assert following is not None
    assert following > at
    assert ticks.latest(JOB, following) == following
    assert ticks.latest(JOB, following - timedelta(microseconds=1)) == latest


@pytest.mark.parametrize("job", Job)
def test_every_job_has_terms_and_a_schedule_that_can_be_kept(job: Job) -> None:
    assert JOBS[job].hard_seconds > JOBS[job].soft_seconds
    ticks = CronSchedule({job: JOBS[job].schedule})
    assert ticks.following(job, instant("2026-03-01 12:00:00")) is not None
