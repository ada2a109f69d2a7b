"""Channels: where alerts go, as an operator writes them down in one line or in a file."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,49}")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://\S")
KEYS = ("name=", "severity>=", "url=")
FORM = "name=<name> severity>=info|warning|critical url=<url>"


class Severity(StrEnum):
    """How much something matters, the least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    def reaches(self, least: "Severity") -> bool:
        order = list(Severity)
        return order.index(self) >= order.index(least)


class BadChannels(ValueError):
    """Why channels cannot be used, in words that repeat nothing of an URL: there are secrets in it."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages of at least a severity go. `url` is a secret."""

    name: str
    least: Severity
    url: str = field(repr=False)


def channels(text: str, schemes: Collection[str]) -> Sequence[Channel]:
    """The channels of a text, each written as `FORM`, the severity left out for `info`; `#` begins a comment line.

    `schemes` are those that URLs may have. Raises `BadChannels`.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    entries: list[dict[str, str]] = []
    for position, word in enumerate(" ".join(lines).split(), 1):
        key = next((key for key in KEYS if word.startswith(key)), None)
        if key is None or (key != "name=" and not entries):
            raise BadChannels(f"word {position} is not what is expected: each channel is written as {FORM}")
        if key == "name=":
            entries.append({})
        if key in entries[-1]:
            raise BadChannels(f"channel {len(entries)} has {key!r} twice")
        entries[-1][key] = word.removeprefix(key)
    found = [_channel(number, entry, schemes) for number, entry in enumerate(entries, 1)]
    require_distinct(found)
    return found


def require_distinct(found: Sequence[Channel]) -> None:
    """Raises `BadChannels` where two have one name: deliveries are known by it."""
    names = [channel.name for channel in found]
    for name in names:
        if names.count(name) > 1:
            raise BadChannels(f"{names.count(name)} channels have the name {name!r}")


def _channel(number: int, entry: dict[str, str], schemes: Collection[str]) -> Channel:
    name = entry["name="]
    if not NAME.fullmatch(name):
        raise BadChannels(
            f"the name of channel {number} is not 1 to 50 letters, digits, '_', '.' or '-', beginning with "
            "a letter or digit"
        )
    severity = entry.get("severity>=", Severity.INFO.value)
    if severity not in tuple(Severity):
        raise BadChannels(f"channel {name!r}: its severity is none of {', '.join(Severity)}")
    url = entry.get("url=", "")
    scheme = SCHEME.match(url)
    if scheme is None:
        raise BadChannels(f"channel {name!r}: its url does not look like scheme://...")
    if scheme[1].lower() not in {each.lower() for each in schemes}:
        raise BadChannels(
            f"channel {name!r}: the scheme of its url is not allowed; WATCHER_ALERT_SCHEMES says which are"
        )
    return Channel(name, Severity(severity), url)
