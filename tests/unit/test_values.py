"""The values of a body are counted without being made, and what is in strings is no value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.entrypoints.http.problems import BadRequest
from watcher.entrypoints.http.values import MOST_VALUES, require_few_values

ODD = st.text(st.sampled_from('",[{}]:\\/n é'), max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.integers() | ODD,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(ODD, inner, max_size=6),
    max_leaves=40,
)


def values(document: Any) -> int:
    inner = (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    )
    return 1 + sum(map(values, inner))


def is_refused(content: bytes, most: int) -> bool:
    try:
        require_few_values(bytearray(content), most)
    except BadRequest:
        return True
    return False


@given(DOCUMENTS, st.booleans())
def test_as_many_as_there_may_be_are_never_refused(document: Any, ascii_only: bool) -> None:
    found = values(document)
    for indent in (None, 1):
        content = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
        assert not is_refused(content, 2 * found)


@given(DOCUMENTS)
def test_many_more_than_there_may_be_are_always_refused(document: Any) -> None:
    """The count is of commas and brackets: one less than there are values, or one more for each container."""
    content = json.dumps(document).encode()
    most = values(document) - 2
    if most > 0 and len(content) > most:
        assert is_refused(content, most)


@pytest.mark.parametrize("part", [b"0,", b"[],", b"{},", b'"",', b'"\\"",', b'"\\\\",', b"[[0]],", b"1e9,"])
def test_a_body_of_millions_is_refused(part: bytes) -> None:
    assert is_refused(b"[" + part * (2**24 // len(part)) + b"0]", MOST_VALUES)


@pytest.mark.parametrize("part", [b",", b"[", b'\\"', b"\\\\", b'\\",', b"{\\n"])
def test_a_long_text_is_one_value_whatever_is_in_it(part: bytes) -> None:
    text = b'{"name": "' + part * (2**24 // len(part)) + b'", "other": ["' + part * 9 + b'"]}'
    assert not is_refused(text, MOST_VALUES)
    assert not is_refused(text[:-4], MOST_VALUES - 1)


def test_a_small_body_is_not_looked_at() -> None:
    assert not is_refused(b"[" * MOST_VALUES, MOST_VALUES)
