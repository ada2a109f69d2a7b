"""Free-form metadata: a JSON object, compared by content."""

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from math import isfinite

from watcher.domain.errors import InvalidValue

Document = Mapping[str, object]

DEPTH_LIMIT = 100
VALUES_LIMIT = 100_000
EXACT_LIMIT = 2**53
INTEGER_MINIMUM, INTEGER_MAXIMUM = -(2**63), 2**64 - 1


def canonical(field: str, document: Document | None) -> str:
    """One spelling for all documents of equal content: keys sorted, `1.0` and `1` alike.

    Raises `InvalidValue` for what JSON in PostgreSQL cannot hold: NUL characters, lone surrogates,
    numbers that are not finite, integers beyond 64 bits, other types, nesting beyond `DEPTH_LIMIT`, or more than
    `VALUES_LIMIT` values, whose comparison would keep others waiting.
    """
    _require_few(field, document)
    content = json.dumps(
        _normal(field, document, 0), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    try:
        content.encode()
    except UnicodeEncodeError:
        raise InvalidValue(field, "contains a lone surrogate") from None
    return content


def digest(content: str) -> bytes:
    """The SHA-256 of a canonical text: the same in every process, on every machine."""
    return sha256(content.encode()).digest()


def checked_document(field: str, document: Document | None) -> None:
    """Raises `InvalidValue` when the document cannot be kept as it is."""
    if document is not None:
        if not isinstance(document, Mapping):
            raise InvalidValue(field, "must be a JSON object")
        canonical(field, document)


def same_document(one: Document | None, other: Document | None) -> bool:
    """Whether two documents have the same content, whatever the order of their keys."""
    return canonical("document", one) == canonical("document", other)


def _require_few(field: str, document: object) -> None:
    seen, waiting = 0, [document]
    while waiting:
        value = waiting.pop()
        parts = (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
        )
        seen += len(parts)
        if seen > VALUES_LIMIT:
            raise InvalidValue(field, f"has more than {VALUES_LIMIT:,} values")
        waiting.extend(parts)


def _normal(field: str, value: object, depth: int) -> object:
    if depth > DEPTH_LIMIT:
        raise InvalidValue(field, f"is nested deeper than {DEPTH_LIMIT} levels")
    match value:
        case None | bool():
            return value
        case str():
            return _text(field, value)
        case int():
            return _integer(field, value)
        case float():
            return _number(field, value)
        case Mapping():
            return {_key(field, key): _normal(field, item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_normal(field, item, depth + 1) for item in value]
    raise InvalidValue(field, f"contains a {type(value).__name__}, which JSON does not have")


def _key(field: str, key: object) -> str:
    if not isinstance(key, str):
        raise InvalidValue(field, "has a key that is not a string")
    return _text(field, key)


def _text(field: str, text: str) -> str:
    if "\x00" in text:
        raise InvalidValue(field, "contains a NUL character")
    return text


def _integer(field: str, number: int) -> int:
    if not INTEGER_MINIMUM <= number <= INTEGER_MAXIMUM:
        raise InvalidValue(field, "contains an integer beyond 64 bits")
    return number


def _number(field: str, number: float) -> int | float:
    if not isfinite(number):
        raise InvalidValue(field, "contains a number that is not finite")
    if not number.is_integer():
        return number
    if abs(number) < EXACT_LIMIT:
        return int(number)
    return int(Decimal(repr(number)))  # as JSON spells it, which is how PostgreSQL keeps it
