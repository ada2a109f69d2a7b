"""Alerts: what people are told, once when it begins, and once when it is over.

What is told comes from the logs of the checks alone: a spell that nobody has told of is found by the next pass, however
it was missed. Messages list all that one pass found, by kind and severity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.alert_sentences import WORDS, AlertKind, lasted, shown
from watcher.domain.document import Document
from watcher.domain.page import Page, Slice

LINES = 20
"""Most spells that a message names."""

RECENT = timedelta(hours=24)
"""What is over is told for so long after its end was learned, and a message is tried for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """Something that a check has on record, as the log of its kind tells it; `id` is the one there."""

    id: int
    pipeline_id: int | None
    opened_at: datetime
    ended_at: datetime | None
    severity: Severity
    facts: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A spell that people are told of; `spell_id` is its id in the log of its kind.

    `ending_message_ids` are several where channels got the news of the beginning at different times.
    """

    id: int
    kind: AlertKind
    spell_id: int
    pipeline_id: int | None
    pipeline_name: str | None
    opened_at: datetime
    ended_at: datetime | None
    severity: Severity
    sentence: str
    opening_message_id: int | None
    opening_delivered_at: datetime | None
    ending_message_ids: Sequence[int]
    ending_delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Those that meet every given condition. `open` ones last."""

    kind: AlertKind | None = None
    open: bool | None = None

    def admits(self, alert: Alert) -> bool:
        return self.kind in (None, alert.kind) and self.open in (None, alert.ended_at is None)


@dataclass(frozen=True, slots=True)
class Told:
    """What a line of a message is made of."""

    pipeline_name: str | None
    facts: Document
    opened_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class News:
    """What one message tells: of `count` spells, the first of which are named. `ending` where they are over."""

    kind: AlertKind
    severity: Severity
    ending: bool
    count: int
    first: Sequence[Told]

    @property
    def title(self) -> str:
        words = WORDS[self.kind]
        one, many = (
            (words.ended_one, words.ended_many) if self.ending else (words.began_one, words.began_many)
        )
        first = self.first[0]
        return (one if self.count == 1 else many).format(
            count=self.count, name=shown(first.pipeline_name), facts=first.facts
        )

    @property
    def text(self) -> str:
        named = self.first[:LINES]
        lines = [f"- {self._line(told)}" for told in named]
        if self.count > len(named):
            lines.append(f"and {self.count - len(named):,} more")
        return "\n".join(lines)

    def _line(self, told: Told) -> str:
        words, name = WORDS[self.kind], shown(told.pipeline_name)
        if told.ended_at is None:
            return f"{words.sentence(name, told.facts)}."
        over = words.ended(name, told.facts)
        if told.ended_at > told.opened_at:
            over += f", after {lasted(told.ended_at - told.opened_at)}"
        return f"{over}." if self.ending else f"{words.sentence(name, told.facts)}. It is over: {over}."


def sentence(kind: AlertKind, pipeline_name: str | None, facts: Document) -> str:
    """What began, in words that stay true."""
    return f"{WORDS[kind].sentence(shown(pipeline_name), facts)}."


def first_severity(spell: Spell) -> Severity:
    """As how much a spell matters when it is first told: what is over already is worth knowing, and no more."""
    return spell.severity if spell.ended_at is None else Severity.INFO


def goes_on(facts: Document) -> bool:
    """Whether something ended only as it got worse: another spell began where it ended, and lasts.

    Who was told of it is told of that one and of its end, as what is more severe goes wherever this went.
    """
    return facts.get("goes_on") is True


def told_from(now: datetime, activated_at: datetime) -> datetime:
    """Since when a spell must have been found to be told though it is over; what lasts is told in any case."""
    return max(activated_at, now - RECENT)


def routed(severity: Severity, channels: Sequence[Channel]) -> Sequence[str]:
    """The names of the channels that a beginning of this severity goes to."""
    return [channel.name for channel in channels if severity.reaches(channel.least)]


class Alerts(Protocol):
    """The alerts on record. Every method is one transaction."""

    async def compose(self, now: datetime, channels: Sequence[Channel]) -> int:
        """Collects the spells that nobody was told of, and writes the messages about them; how many those are.

        A spell is told once: of passes at the same time one follows the other. Its end is told on those of the
        channels on which its beginning was delivered, as soon as it was, within `RECENT` after it was learned. A spell that was over
        when it was first seen is told by one line, as `info`, if it was found since `told_from`; the first pass ever
        sets that instant, so what is older than alerting is told only if it lasts. If a wrong clock set it to an
        instant to come, the first that knows better sets it right.
        """
        ...

    async def page(self, wanted: AlertFilter, page: Page) -> Slice[Alert]:
        """Newest first, by descending id."""
        ...
