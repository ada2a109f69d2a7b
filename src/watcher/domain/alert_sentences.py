"""Spells in words, for people. Times are in UTC."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from watcher.domain.anomaly_incident import IncidentEnding
from watcher.domain.document import Document
from watcher.domain.freshness import SpellEnding

NAME_SHOWN = 100
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class AlertKind(StrEnum):
    """What people are told of. Another kind has a member here, its words below, and a statement that collects it."""

    FRESHNESS = "freshness"
    TIMELINESS = "timeliness"
    ANOMALY = "anomaly"
    QUEUE = "queue"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind is told: a sentence and its end about one spell, and titles for one and for many.

    Titles are formatted with the `count`, and the `name` and the `facts` of the first.
    """

    sentence: Callable[[str, Document], str]
    ended: Callable[[str, Document], str]
    began_one: str
    began_many: str
    ended_one: str
    ended_many: str


def shown(name: str | None) -> str:
    """A name in one line of bounded length, without characters that cannot be seen."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name or "").split())
    return line if len(line) <= NAME_SHOWN else f"{line[: NAME_SHOWN - 1]}…"


def lasted(span: timedelta) -> str:
    """The two largest units of a span: `2 days 3 hours`, `40 seconds`."""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return "less than a second"
    first = next(place for place, (_, size) in enumerate(UNITS) if seconds >= size)
    parts = []
    for unit, size in UNITS[first : first + 2]:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(_counted(number, unit))
    return " ".join(parts)


def moment(told: object) -> str:
    """An instant out of facts: `2026-03-01 12:00 UTC`."""
    return f"{datetime.fromisoformat(str(told)).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _allowed(facts: Document) -> str:
    span = _counted(int(str(facts["number"])), str(facts["datepart"]))
    return span if facts["own"] else f"{span} (by its type)"


def _stale(name: str, facts: Document) -> str:
    if facts["last_change"] is None:
        return f"{name} never wrote to its target; it was to by {moment(facts['due_at'])}"
    return (
        f"{name} has not changed its target since {moment(facts['last_change'])}; allowed: {_allowed(facts)}"
    )


FRESHNESS_ENDINGS: Mapping[str, str] = {
    SpellEnding.RECOVERED: "is fresh again",
    SpellEnding.INACTIVE: "is inactive now, and no longer checked",
    SpellEnding.MUTED: "is muted now, and no longer checked",
    SpellEnding.WITHOUT_THRESHOLD: "has no threshold any more",
}


def _fresh(name: str, facts: Document) -> str:
    return f"{name} {FRESHNESS_ENDINGS.get(str(facts.get('ending')), 'is no longer stale')}"


def _late(name: str, facts: Document) -> str:
    return (
        f"run {facts['run']} of {name}, begun {moment(facts['start_date'])}, was to end by "
        f"{moment(facts['due_at'])}; allowed: {_allowed(facts)}"
    )


def _over(name: str, facts: Document) -> str:
    outcome = {True: "succeeded", False: "failed"}.get(facts.get("succeeded"), "ended")  # type: ignore[call-overload]
    over = f"run {facts['run']} of {name} {outcome}"
    # It was taken for late while its end was not reported.
    return f"{over}; it ended in time after all" if facts.get("in_time") is True else over


def _odd(name: str, facts: Document) -> str:
    return (
        f"{facts['metric']} of {name} looks wrong in run {facts['run']}, begun {moment(facts['start_date'])}: "
        f"{facts['sentence']}"
    )


INCIDENT_ENDINGS: Mapping[str, str] = {
    IncidentEnding.RECOVERED: "{metric} of {name}, flagged in {runs} since run {run}, looks right again",
    IncidentEnding.UNFLAGGED: "somebody unflagged {metric} of {name}, flagged since run {run}",
    IncidentEnding.DEACTIVATED: "{metric} of {name}, flagged in {runs} since run {run}, is no longer watched",
    IncidentEnding.INACTIVE: "{metric} of {name} was flagged in {runs} since run {run}; the pipeline is no longer active",
    IncidentEnding.OVERTAKEN: "run {run} of {name} was judged late, when a later one had been judged",
}


def _right(name: str, facts: Document) -> str:
    told = INCIDENT_ENDINGS.get(str(facts["ending"]), "{metric} of {name} is no longer on record as wrong")
    runs = _counted(int(str(facts["runs"])), "run")
    return told.format(name=name, metric=facts["metric"], run=facts["run"], runs=runs)


PILED_UP: Mapping[str, str] = {
    "warning": "worth a warning",
    "critical": "critical: too many, or no worker is there",
}


def _piled_up(_: str, facts: Document) -> str:
    number = int(str(facts["pending"]))
    return (
        f"{_counted(number, 'message')} {'was' if number == 1 else 'were'} pending at "
        f"{moment(facts['opened_at'])}, which is {PILED_UP[str(facts['state'])]}"
    )


def _worked_off(_: str, facts: Document) -> str:
    if facts["next"] is None:
        return f"the state of the queues is no longer {facts['state']}"
    return f"the state of the queues went from {facts['state']} to {facts['next']}"


def _failing(_: str, facts: Document) -> str:
    failed, total = int(str(facts["failed"])), int(str(facts["total"]))
    what = {"requests": "answered with an error of the server", "tasks": "failed"}[str(facts["source"])]
    within = lasted(timedelta(seconds=int(str(facts["window_seconds"]))))
    return (
        f"{failed:,} of {_counted(total, str(facts['source']).removesuffix('s'))} "
        f"{'were ' if facts['source'] == 'requests' else ''}{what} ({failed / max(total, 1):.1%}), "
        f"within {within} up to {moment(facts['opened_at'])}"
    )


def _failing_no_longer(_: str, facts: Document) -> str:
    return f"no longer do many {facts['source']} fail"


WORDS: Mapping[AlertKind, Words] = {
    AlertKind.FRESHNESS: Words(
        _stale,
        _fresh,
        began_one="{name} is stale",
        began_many="{count:,} pipelines are stale",
        ended_one="{name} is no longer stale",
        ended_many="{count:,} pipelines are no longer stale",
    ),
    AlertKind.TIMELINESS: Words(
        _late,
        _over,
        began_one="A run of {name} is late",
        began_many="{count:,} runs are late",
        ended_one="A late run of {name} is over",
        ended_many="{count:,} late runs are over",
    ),
    AlertKind.ANOMALY: Words(
        _odd,
        _right,
        began_one="{facts[metric]} of {name} looks wrong",
        began_many="{count:,} anomalies",
        ended_one="An anomaly of {name} is over",
        ended_many="{count:,} anomalies are over",
    ),
    AlertKind.QUEUE: Words(
        _piled_up,
        _worked_off,
        began_one="The state of the queues is {facts[state]}",
        began_many="Too much was pending in the queues {count:,} times",
        ended_one="The state of the queues is no longer {facts[state]}",
        ended_many="The state of the queues changed {count:,} times",
    ),
    AlertKind.ERRORS: Words(
        _failing,
        _failing_no_longer,
        began_one="Many {facts[source]} fail",
        began_many="Many requests or tasks failed {count:,} times",
        ended_one="No longer do many {facts[source]} fail",
        ended_many="No longer do many requests or tasks fail",
    ),
}
