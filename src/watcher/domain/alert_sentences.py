"""Spells in words, for people. Times are in UTC."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from watcher.domain.document import Document
from watcher.domain.freshness import SpellEnding

NAME_SHOWN = 100
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


class AlertKind(StrEnum):
    """What people are told of. Another kind has a member here, its words below, and a statement that collects it."""

    FRESHNESS = "freshness"
    TIMELINESS = "timeliness"


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind is told: a sentence and its end about one spell, and titles for one and for many."""

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
    return f"run {facts['run']} of {name} {outcome}"


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
}
