"""How Watcher is, judged by what the store and the broker show."""

from datetime import datetime, timedelta

import pytest

from tests.contract.world import NOON, StoppedClock, at
from watcher.adapters.cron import CronSchedule
from watcher.domain.health import BEAT_GRACE, SWEEP_GRACE, JudgeReadiness, PartState, Readiness, Signs
from watcher.settings import Settings

SECOND = timedelta(seconds=1)
LONG_AGO = NOON - timedelta(days=3)
BUSES = ["in_process", "celery"]


def judged(
    signs: Signs, *away: str, now: datetime = NOON, since: datetime = LONG_AGO, bus: str = "celery"
) -> Readiness:
    clock = StoppedClock()
    clock.instant = now
    return JudgeReadiness(CronSchedule(Settings().schedule), clock, bus, since)(signs, away)


def signs(ticked_at: datetime | None = NOON, swept_at: datetime | None = NOON) -> Signs:
    return Signs(revision="0012", ticked_at=ticked_at, swept_at=swept_at)


def test_where_all_goes_by_the_schedule_all_is_well() -> None:
    found = judged(signs())
    assert {part.state for part in found.parts.values()} == {PartState.OK}
    assert (found.beat.at, found.sweep.at) == (NOON, NOON)
    assert (found.obstacles, found.impaired) == ([], [])


def test_a_tick_is_late_when_the_next_was_due_and_nobody_took_it() -> None:
    due = NOON + timedelta(minutes=1) + BEAT_GRACE
    assert judged(signs(), now=due).beat.state is PartState.OK
    found = judged(signs(), now=due + SECOND)
    assert (found.beat.state, found.beat.at) == (PartState.LATE, NOON)
    assert found.obstacles == []
    assert found.impaired == [found.beat.detail]


def test_a_sweep_is_late_when_the_next_was_due_and_its_time_is_up() -> None:
    due = NOON + timedelta(minutes=5) + SWEEP_GRACE
    assert judged(signs(ticked_at=due), now=due).sweep.state is PartState.OK
    found = judged(signs(ticked_at=due), now=due + SECOND)
    assert (found.sweep.state, found.beat.state) == (PartState.LATE, PartState.OK)
    assert found.impaired == [found.sweep.detail]


def test_after_a_long_stop_the_first_ticks_are_waited_for() -> None:
    found = judged(signs(LONG_AGO, LONG_AGO), since=NOON, now=NOON + BEAT_GRACE)
    assert (found.beat.state, found.sweep.state) == (PartState.OK, PartState.OK)
    found = judged(signs(LONG_AGO, LONG_AGO), since=NOON, now=NOON + SWEEP_GRACE + SECOND)
    assert (found.beat.state, found.sweep.state) == (PartState.LATE, PartState.LATE)


def test_where_there_was_no_tick_yet_the_first_is_waited_for_but_not_for_ever() -> None:
    found = judged(signs(None, None), since=NOON)
    assert (found.beat.state, found.sweep.state, found.impaired) == (PartState.WAITING, PartState.WAITING, [])
    found = judged(signs(None, None), since=NOON, now=at(3_600))
    assert (found.beat.state, found.sweep.state) == (PartState.LATE, PartState.LATE)


def test_without_the_database_nothing_is_served_and_little_is_known() -> None:
    found = judged(Signs(away="The database is not available: gone."), "The broker is not available: gone.")
    assert found.obstacles == ["The database is not available: gone."]
    states = {name: part.state.value for name, part in found.parts.items()}
    assert states == {
        "database": "failed", "migrations": "unknown", "broker": "failed", "beat": "unknown", "sweep": "unknown",
    }  # fmt: skip


def test_an_outdated_schema_is_an_obstacle() -> None:
    found = judged(Signs(outdated="The database is empty.", revision=None))
    assert found.obstacles == ["The database is empty."]
    assert (found.database.state, found.beat.state) == (PartState.OK, PartState.UNKNOWN)
    assert "schema of this revision" in str(found.beat.detail)


@pytest.mark.parametrize("bus", BUSES)
def test_a_broker_is_told_of_where_there_is_one(bus: str) -> None:
    found = judged(signs(), bus=bus)
    assert found.broker.state is (PartState.NONE if bus == "in_process" else PartState.OK)
    assert found.impaired == []


def test_a_broker_that_is_away_impairs() -> None:
    found = judged(signs(), "The broker is not available: gone.")
    assert (found.obstacles, found.impaired) == ([], ["The broker is not available: gone."])
