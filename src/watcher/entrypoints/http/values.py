"""How many values a body has, counted before any of them is made: a byte of JSON can become a hundred of memory."""

import re

from watcher.entrypoints.http.problems import BadRequest

MOST_VALUES = 1_000_000
"""Ten thousand runs may have a hundred each."""

STRING = re.compile(rb'"[^"]*"')


def require_few_values(content: bytearray, most: int = MOST_VALUES) -> None:
    """Raises `BadRequest` where there are more. What is in strings does not count, and the smallest of bodies cost nothing.

    Each value but the first of a container stands behind a comma, and each first one behind the bracket that opens it.
    """
    if len(content) <= most or _openings(content) <= most:
        return
    unescaped = content.replace(rb"\\", b"").replace(rb"\"", b"")
    # A value has two strings at most, its name and itself, of two quotes each.
    if unescaped.count(b'"') > 4 * most or _openings(STRING.sub(b"", unescaped)) > most:
        raise BadRequest(413, f"The request body has more than {most:,} JSON values.")


def _openings(text: bytes | bytearray) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")
