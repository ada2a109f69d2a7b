"""Names and other text: what is kept, what is refused, and when two spellings are one name."""

from hashlib import sha256

import hypothesis.strategies as st
import pytest
from hypothesis import given

from watcher.domain.errors import InvalidValue
from watcher.domain.text import checked_name, checked_text, name_key

letters = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("abcd", "is longer than 3 characters"),
        ("a\x00", "contains a NUL"),
        ("é\udfff", "contains a lone surrogate"),
    ],
)
def test_text_that_cannot_be_kept_is_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidValue, match=rule) as refusal:
        checked_text("watermark", text, 3)
    assert refusal.value.field == "watermark"


def test_text_is_kept_as_given() -> None:
    assert checked_text("watermark", " A\tb ", 5) == " A\tb "


def test_a_name_loses_the_space_around_it_before_it_is_measured() -> None:
    assert checked_name("name", " \n a b\u2003", 3) == "a b"


@pytest.mark.parametrize("name", ["", " ", "\t\n\u2003\u0085"])
def test_a_blank_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="must not be blank"):
        checked_name("name", name, 3)


@given(letters)
def test_space_and_case_folding_make_no_other_name(name: str) -> None:
    assert name_key(f" {name}\n") == name_key(name)
    assert name_key(name.casefold()) == name_key(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ORDERS", "orders"), ("Straße", "STRASSE"), ("caf\u00e9", "CAFE\u0301"), ("ΣΑΣ", "σας"), ("ǆ", "Ǆ")],
)
def test_spellings_of_one_name_share_their_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("a b", "ab"), ("a", "á"), ("0", "O"), ("\u0131", "i")])
def test_other_names_have_other_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


def test_a_key_is_the_same_in_every_process() -> None:
    assert name_key(" Orders ") == sha256(b"orders").digest()
