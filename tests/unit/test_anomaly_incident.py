"""What becomes of a rule's incidents while its runs are judged."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.domain.anomaly import Bucket, MetricField, Standing, Verdict
from watcher.domain.anomaly_incident import AHEAD, AnomalyIncident, Course, IncidentEnding, Judged

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=10)


def judged(hour: int, standing: Standing) -> Judged:
    verdict = Verdict(standing=standing, sentence=f"about {hour}", bucket=Bucket.ALL)
    return Judged(
        rule_id=1,
        pipeline_id=2,
        metric_field=MetricField.INSERTS,
        execution_id=100 + hour,
        start_date=NOON + timedelta(hours=hour),
        verdict=verdict,
        value=0,
    )


def told(*story: str) -> list[tuple[int, int, int, IncidentEnding | None]]:
    """The incidents of runs as `3!` (flagged), `3` (normal) or `3?` (learning), by hour, in the order of judging."""
    course = Course()
    kept: dict[int, AnomalyIncident] = {}
    for each in story:
        standing = {"!": Standing.ANOMALOUS, "?": Standing.LEARNING}.get(each[-1], Standing.NORMAL)
        incident = course.takes(judged(int(each.rstrip("!?")), standing), NOW, -1 - len(kept))
        if incident is not None:
            kept[incident.id] = incident
    return [
        (one.first_execution_id - 100, one.last_execution_id - 100, one.runs, one.ending)
        for one in kept.values()
    ]


@pytest.mark.parametrize(
    ("story", "incidents"),
    [
        ("1 2 3", []),
        ("1 2!", [(2, 2, 1, None)]),
        ("2! 3! 4", [(2, 3, 2, IncidentEnding.RECOVERED)]),
        ("2! 3 4!", [(2, 2, 1, IncidentEnding.RECOVERED), (4, 4, 1, None)]),
        ("2! 3? 4!", [(2, 4, 2, None)]),
        ("2! 4! 3", [(2, 4, 2, None)]),
        ("2! 4! 3!", [(2, 4, 3, None)]),
        ("4! 2!", [(2, 4, 2, None)]),
        ("4 2!", [(2, 2, 1, IncidentEnding.OVERTAKEN)]),
        ("4 2! 3!", [(2, 3, 2, IncidentEnding.OVERTAKEN)]),
        ("4 3! 2!", [(2, 3, 2, IncidentEnding.OVERTAKEN)]),
        ("4 3! 2 1!", [(3, 3, 1, IncidentEnding.OVERTAKEN), (1, 1, 1, IncidentEnding.OVERTAKEN)]),
        ("4! 6 5!", [(4, 5, 2, IncidentEnding.RECOVERED)]),
        ("4! 6 3!", [(3, 4, 2, IncidentEnding.RECOVERED)]),
        ("4! 6 3 2!", [(4, 4, 1, IncidentEnding.RECOVERED), (2, 2, 1, IncidentEnding.OVERTAKEN)]),
        ("4! 8 6 7!", [(4, 4, 1, IncidentEnding.RECOVERED), (7, 7, 1, IncidentEnding.OVERTAKEN)]),
        ("4! 9! 10 6 8 7!", [(4, 9, 3, IncidentEnding.RECOVERED)]),
        ("4! 6 8! 7!", [(4, 4, 1, IncidentEnding.RECOVERED), (7, 8, 2, None)]),
        ("4! 99! 5", [(4, 4, 2, IncidentEnding.RECOVERED)]),
        ("2! 2! 2", [(2, 2, 2, IncidentEnding.RECOVERED)]),
        ("4? 2!", [(2, 2, 1, None)]),
        ("2! 4? 3", [(2, 2, 1, IncidentEnding.RECOVERED)]),
        ("99 2!", [(2, 2, 1, None)]),
        ("99! 2! 3", [(99, 99, 2, IncidentEnding.RECOVERED)]),
        ("2! 99 3!", [(2, 2, 1, IncidentEnding.RECOVERED), (3, 3, 1, None)]),
        ("4 99! 2!", [(99, 99, 1, None), (2, 2, 1, IncidentEnding.OVERTAKEN)]),
        ("2! 4! 1", [(2, 4, 2, None)]),
    ],
)
def test_a_story_has_its_incidents(
    story: str, incidents: list[tuple[int, int, int, IncidentEnding | None]]
) -> None:
    assert told(*story.split()) == incidents


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_a_spell_is_one_incident_in_whatever_order_its_runs_are_judged(
    flagged: list[bool], random: Random
) -> None:
    story = [f"{hour}!" if anomalous else str(hour) for hour, anomalous in enumerate(flagged)]
    in_order = told(*story)
    random.shuffle(story)
    found = sorted(told(*story))
    assert all(one[1] < other[0] for one, other in pairwise(found))
    assert sum(runs for _, _, runs, _ in found) == sum(flagged)
    assert len(found) <= len(in_order)
    for first, last, _, _ in in_order:
        assert len([each for each in found if each[0] <= first and last <= each[1]]) == 1


def test_a_start_in_the_future_that_is_on_record_makes_nothing_late() -> None:
    course = Course(NOW + timedelta(days=365))
    incident = course.takes(judged(2, Standing.ANOMALOUS), NOW, -1)
    assert incident is not None
    assert (incident.ending, course.judged_to) == (None, NOON + timedelta(hours=2))


def test_clocks_may_differ_by_some_minutes() -> None:
    course = Course()
    course.takes(judged(2, Standing.NORMAL), NOON + timedelta(hours=2) - AHEAD, -1)
    assert course.judged_to == NOON + timedelta(hours=2)


def test_an_incident_is_over_when_its_last_run_is_unflagged_and_never_twice() -> None:
    incident = Course().takes(judged(1, Standing.ANOMALOUS), NOON, 1)
    assert incident is not None
    later = NOON + timedelta(hours=1)
    over = incident.without(1, later)
    assert (over.runs, over.ending, over.ended_at) == (0, IncidentEnding.UNFLAGGED, later)
    again = incident.over(IncidentEnding.RECOVERED, NOON).without(1, later)
    assert (again.runs, again.ending, again.ended_at) == (0, IncidentEnding.RECOVERED, NOON)
    assert incident.over(IncidentEnding.RECOVERED, NOON - timedelta(hours=1)).ended_at == NOON
