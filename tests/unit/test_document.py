"""Metadata is compared by content, and what JSON in PostgreSQL cannot hold is refused."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from watcher.domain.document import DEPTH_LIMIT, canonical, checked_document, digest, same_document
from watcher.domain.errors import InvalidValue

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts, values, max_size=4)


def nested(levels: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(levels - 1):
        document = {"a": document}
    return document


def reversed_keys(value: Any) -> Any:
    match value:
        case dict():
            return {key: reversed_keys(value[key]) for key in reversed(value)}
        case list():
            return [reversed_keys(each) for each in value]
    return value


@given(documents)
def test_the_order_of_keys_makes_no_difference(document: dict[str, Any]) -> None:
    assert same_document(document, reversed_keys(document))


@given(documents)
def test_what_comes_back_from_json_is_the_same(document: dict[str, Any]) -> None:
    assert same_document(document, json.loads(json.dumps(document)))


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_the_same_with_and_without_a_point(number: int) -> None:
    assert canonical("m", {"a": number}) == canonical("m", {"a": float(number)})


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": True}), ({"a": 1}, {"a": "1"}), ({"a": None}, {}), ({}, None), ({"a": []}, {"a": {}})],
)
def test_other_content_is_another_document(one: dict[str, Any], other: dict[str, Any] | None) -> None:
    assert not same_document(one, other)


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"a": "\x00"}, "a NUL character"),
        ({"\x00": 1}, "a NUL character"),
        ({"a": ["\ud800"]}, "a lone surrogate"),
        ({"\udfff": 1}, "a lone surrogate"),
        ({"a": float("inf")}, "not finite"),
        ({"a": 2**64}, "beyond 64 bits"),
        ({"a": -(2**63) - 1}, "beyond 64 bits"),
        ({"a": {1}}, "a set, which JSON does not have"),
        ({1: "a"}, "a key that is not a string"),
        ([], "must be a JSON object"),
        (nested(DEPTH_LIMIT + 2), "nested deeper than 100 levels"),
        ({"a": [[1] * 50_000, {"b": [1] * 50_000}]}, "more than 100,000 values"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_kept_is_refused(document: Any, rule: str) -> None:
    with pytest.raises(InvalidValue, match=rule) as refusal:
        checked_document("pipeline_metadata", document)
    assert refusal.value.field == "pipeline_metadata"


def test_a_document_may_be_nested_to_the_limit() -> None:
    checked_document("m", nested(DEPTH_LIMIT + 1))


def test_a_digest_is_the_same_in_every_process() -> None:
    assert digest(canonical("m", {"b": [1.0], "a": "é"})) == digest('{"a":"é","b":[1]}')
