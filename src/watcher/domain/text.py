"""The rules for names and other text: what PostgreSQL and people can both live with."""

import unicodedata
from hashlib import sha256

from watcher.domain.errors import InvalidValue

TYPE_NAME_LIMIT = 150
PIPELINE_NAME_LIMIT = 1_000
WATERMARK_LIMIT = 1_000
EXTERNAL_ID_LIMIT = 200


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


def name_key(name: str) -> bytes:
    """What two spellings of one name share: the SHA-256 of its case-folded NFC form (32 bytes).

    Computed here and not by the database, whose `lower()` depends on its locale; a digest because a
    name of 1,000 characters can be longer than a B-tree entry may be.
    """
    return sha256(unicodedata.normalize("NFC", name.strip()).casefold().encode()).digest()
