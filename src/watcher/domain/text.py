"""The rules for names and other text: what PostgreSQL and people can both live with."""

import unicodedata
from hashlib import sha256

from watcher.domain.errors import InvalidValue

TYPE_NAME_LIMIT = 150
PIPELINE_NAME_LIMIT = 1_000
ADDRESS_NAME_LIMIT = 1_000
WATERMARK_LIMIT = 1_000
EXTERNAL_ID_LIMIT = 200

Reference = int | str
"""Which row: its id, or its name in any spelling."""


def checked_text(field: str, text: str, limit: int) -> str:
    """The text as given, where it is storable and at most `limit` characters; else raises `InvalidValue`."""
    if len(text) > limit:
        raise InvalidValue(field, f"is longer than {limit:,} characters")
    if "\x00" in text:
        raise InvalidValue(field, "contains a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidValue(field, "contains a lone surrogate") from None
    return text


def checked_name(field: str, name: str, limit: int) -> str:
    """The name without the white space around it, 1 to `limit` characters; else raises `InvalidValue`."""
    trimmed = name.strip()
    if not trimmed:
        raise InvalidValue(field, "must not be blank")
    return checked_text(field, trimmed, limit)


def folded(name: str) -> str:
    """What two spellings of one name share, and what a search for a part of it looks through."""
    return folded_part(name.strip())


def folded_part(part: str) -> str:
    """What to look for in folded names; the white space around it counts."""
    if part.isascii():
        return part.lower()  # the same, and five times as fast
    return unicodedata.normalize("NFC", part).casefold()


def name_key(name: str) -> bytes:
    """The SHA-256 of the folded name (32 bytes).

    Computed here and not by the database, whose `lower()` depends on its locale; a digest because a
    name of 1,000 characters can be longer than a B-tree entry may be.
    """
    return sha256(folded(name).encode()).digest()
