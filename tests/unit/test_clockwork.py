"""A beat whose clock is set while it runs is neither silent afterwards nor does it make up for ticks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watcher.adapters.bus.application import application
from watcher.adapters.bus.clockwork import Clockwork
from watcher.domain.jobs import JOBS, Job

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Beat(Clockwork):
    """Notes what it would send."""

    sent: list[str]

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        del producer
        self.sent.append(entry.name)


class Clock:
    instant = NOON

    def now(self) -> datetime:
        return self.instant


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def beat(clock: Clock) -> Beat:
    schedule = {Job.SEND_ALERTS: "* * * * *", Job.CHECK_FRESHNESS: "*/5 * * * *"}
    app = application("memory://", JOBS, schedule)
    app.now = clock.now  # type: ignore[method-assign]
    beat = Beat(app)
    beat.sent = []
    return beat


def sent(beat: Beat, clock: Clock, at: datetime) -> list[str]:
    """What it sends at an instant, until it wants to rest."""
    clock.instant = at
    beat.sent = []
    for _ in range(100):
        if beat.tick() > 0:
            return sorted(beat.sent)
    raise AssertionError(f"it goes on and on: {beat.sent}")


def test_each_job_is_sent_at_its_minute(beat: Beat, clock: Clock) -> None:
    assert sent(beat, clock, NOON) == []
    assert sent(beat, clock, NOON + timedelta(minutes=1)) == ["send_alerts"]
    assert sent(beat, clock, NOON + timedelta(minutes=1, seconds=20)) == []
    assert sent(beat, clock, NOON + timedelta(minutes=5)) == ["check_freshness", "send_alerts"]


def test_a_clock_that_jumps_ahead_makes_each_job_due_once(beat: Beat, clock: Clock) -> None:
    assert sent(beat, clock, NOON) == []
    assert sent(beat, clock, NOON + HOUR) == ["check_freshness", "send_alerts"]
    assert sent(beat, clock, NOON + HOUR + timedelta(seconds=20)) == []


@pytest.mark.parametrize("back", [timedelta(minutes=2), HOUR, 30 * 24 * HOUR])
def test_a_clock_that_is_set_back_does_not_silence_it(beat: Beat, clock: Clock, back: timedelta) -> None:
    assert sent(beat, clock, NOON) == []
    clock.instant = NOON - back
    assert sent(beat, clock, NOON - back) == []
    assert sent(beat, clock, NOON - back + timedelta(minutes=1)) == ["send_alerts"]


def test_a_clock_that_is_corrected_by_seconds_sends_nothing_twice(beat: Beat, clock: Clock) -> None:
    assert sent(beat, clock, NOON) == []
    assert sent(beat, clock, NOON + timedelta(seconds=31)) == ["send_alerts"]
    assert sent(beat, clock, NOON + timedelta(seconds=28)) == []
    assert sent(beat, clock, NOON + timedelta(seconds=31)) == []
