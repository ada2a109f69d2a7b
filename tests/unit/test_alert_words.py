"""What a message says, and when it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.alert_sentences import WORDS, AlertKind, lasted, shown
from watcher.domain.alerts import LINES, News, Told, routed
from watcher.domain.anomaly_incident import IncidentEnding
from watcher.domain.deliveries import ATTEMPTS, DeliveryState, Message, outcome, rest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STALE = {"last_change": None, "due_at": NOON.isoformat(), "number": 2, "datepart": "day", "own": False}


def news(
    count: int, name: str = "orders", *, ending: bool = False, severity: Severity = Severity.WARNING
) -> News:
    ended = NOON + timedelta(hours=3) if ending else None
    told = Told(name, {**STALE, "ending": "recovered" if ending else None}, NOON, ended)
    return News(AlertKind.FRESHNESS, severity, ending, count, [told] * min(count, LINES))


@pytest.mark.parametrize(
    ("count", "lines", "last"),
    [
        (1, 1, "- orders never"),
        (20, 20, "- orders never"),
        (21, 21, "and 1 more"),
        (1_200, 21, "and 1,180 more"),
    ],
)
def test_a_message_names_so_many_and_counts_the_rest(count: int, lines: int, last: str) -> None:
    written = news(count).text.splitlines()
    assert len(written) == lines
    assert written[-1].startswith(last)


def test_a_title_names_the_one_or_counts_the_many() -> None:
    assert news(1).title == "orders is stale"
    assert news(1_200).title == "1,200 pipelines are stale"
    assert news(1, ending=True).title == "orders is no longer stale"
    assert news(2, ending=True).title == "2 pipelines are no longer stale"


def test_a_name_cannot_break_out_of_its_line() -> None:
    told = news(1, "a\r\nBcc: x\u202e\x00  b")
    assert told.title == "a Bcc: x b is stale"
    assert len(told.text.splitlines()) == 1
    assert len(shown("x" * 1_000)) == 100
    assert news(1, "{name!r} {0}").title == "{name!r} {0} is stale"


@pytest.mark.parametrize(
    "ending", ["recovered", "inactive", "muted", "without threshold", "something new", None]
)
def test_every_ending_has_words(ending: str | None) -> None:
    said = WORDS[AlertKind.FRESHNESS].ended("orders", {**STALE, "ending": ending})
    assert said.startswith("orders ")
    assert "None" not in said


@pytest.mark.parametrize("ending", [*IncidentEnding, None])
def test_only_an_anomaly_that_recovered_is_called_right_again(ending: IncidentEnding | None) -> None:
    facts = {"metric": "inserts", "run": 7, "runs": 2, "ending": ending}
    said = WORDS[AlertKind.ANOMALY].ended("{orders}", facts)
    assert " of {orders}" in said
    assert "None" not in said
    assert ("looks right again" in said) == (ending is IncidentEnding.RECOVERED)
    assert said.startswith("somebody unflagged ") == (ending is IncidentEnding.UNFLAGGED)


def test_a_state_of_the_queues_of_which_no_more_is_known_has_words() -> None:
    said = WORDS[AlertKind.QUEUE].ended("", {"state": "critical", "next": None})
    assert said == "the state of the queues is no longer critical"


def test_every_kind_has_words() -> None:
    assert WORDS.keys() == set(AlertKind)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"), (-5, "less than a second"), (1, "1 second"), (59.9, "59 seconds"),
        (60, "1 minute"), (3_599, "59 minutes 59 seconds"), (3_600, "1 hour"), (3_659, "1 hour"),
        (90_000, "1 day 1 hour"), (86_400 * 1_200 + 59, "1,200 days"),
    ],
)  # fmt: skip
def test_spans_are_told_in_two_units(seconds: float, words: str) -> None:
    assert lasted(timedelta(seconds=seconds)) == words


def test_a_channel_gets_what_is_at_least_as_severe_as_it_wants() -> None:
    found = [Channel(severity.value, severity, "") for severity in Severity]
    assert routed(Severity.INFO, found) == ["info"]
    assert routed(Severity.WARNING, found) == ["info", "warning"]
    assert routed(Severity.CRITICAL, found) == ["info", "warning", "critical"]


def test_rests_double_up_to_an_hour_and_are_spread() -> None:
    seconds = [rest(attempt, 1.0).total_seconds() for attempt in range(1, ATTEMPTS)]
    assert seconds == [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600, 3_600]
    assert rest(1, 0.0) == rest(1, 1.0) / 2
    assert rest(10**6, 0.5) == timedelta(minutes=45)


def test_an_attempt_ends_in_one_of_three_states() -> None:
    assert outcome(1, None, NOON, 1.0).state is DeliveryState.DELIVERED
    assert outcome(ATTEMPTS, None, NOON, 1.0).state is DeliveryState.DELIVERED
    failed = outcome(ATTEMPTS - 1, "x", NOON, 1.0)
    assert (failed.state, failed.error, failed.at) == (DeliveryState.FAILED, "x", NOON + timedelta(hours=1))
    assert outcome(ATTEMPTS, "x", NOON, 1.0).state is DeliveryState.ABANDONED


def test_a_message_carries_its_id() -> None:
    message = Message(id=17, severity=Severity.INFO, ending=False, title="t", text="- a\n- b")
    assert message.body == "- a\n- b\n\nWatcher message 17"
