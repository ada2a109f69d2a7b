"""Mistakes in settings, in words that name the variable, say the rule, and never repeat a value that may be secret."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

WORDS: Mapping[str, str] = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "too_short": "must have {min_length} characters or more",
    "string_too_short": "must have {min_length} characters or more",
    "literal_error": "must be {expected}",
    "enum": "must be some of {expected}, with commas between",
}
"""By the kind of error, of which Pydantic speaks in words of Python."""

PATTERN = "string_pattern_mismatch"
UNREADABLE = (
    "{name}: cannot be read as postgresql://user:password@host:port/database. In user and password these "
    "characters are written percent-encoded: / as %2F, ? as %3F, # as %23, [ as %5B, ] as %5D, @ as %40, : as %3A, "
    "% as %25"
)


def told(error: ValidationError) -> str:
    """All mistakes in one line, each with its variable."""
    lines = (
        _line(each["loc"], _rule(each["type"], each["msg"], each.get("ctx", {}))) for each in error.errors()
    )
    return "; ".join(dict.fromkeys(lines))


def unreadable(name: str, url: str) -> str | None:
    """What is wrong with the URL of a database, of which nothing is repeated; None where it can be read.

    A password with a slash in it would otherwise be taken for a port, and be shown as one that is no number.
    """
    try:
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    except ValueError:
        return UNREADABLE.format(name=name)
    ports = (host.rpartition("]")[2].rpartition(":")[2] for host in hosts if ":" in host.rpartition("]")[2])
    return None if all(port.isdecimal() or not port for port in ports) else UNREADABLE.format(name=name)


def _line(place: tuple[int | str, ...], rule: str) -> str:
    """A rule about several settings names them itself."""
    if not place:
        return rule
    return f"WATCHER_{str(place[0]).upper().removeprefix('WATCHER_')}: {rule}"


def _rule(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind == PATTERN:  # of words between bars, as settings have it
        words = str(context["pattern"]).strip("^$()").split("|")
        return f"must be {', '.join(words[:-1])} or {words[-1]}"
    if context.get("min_length") == 1:
        return "must not be empty"
    if kind in WORDS:
        return WORDS[kind].format_map({name: _number(value) for name, value in context.items()})
    return message.removeprefix("Value error, ")


def _number(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
