"""Tokens that are signed as they should be and say nonsense, and such as are no tokens: refused, and nothing breaks."""

import asyncio
import base64
import json
import math
from collections.abc import Mapping

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.issuer import ec_key, published
from watcher.adapters.identity.bearer_tokens import NO_CLAIMS, TERMS, BearerTokens
from watcher.adapters.identity.refreshed import Refreshed
from watcher.adapters.system_clock import SystemClock
from watcher.domain.callers import Caller, CredentialsRefused, Scope
from watcher.domain.issuer import Issuer, scope_names

ISSUER = Issuer(
    url="https://issuer.example",
    audience="watcher",
    scope_claim="realm.scope",
    names=scope_names("read=r write=w admin=a"),
    algorithms=("ES256",),
)
GOOD: Mapping[str, object] = {
    "iss": ISSUER.url,
    "aud": "watcher",
    "sub": "x",
    "exp": 2**33,
    "realm": {"scope": "w"},
}
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 10**18, 253_402_300_800, math.inf, math.nan])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "realm", "scope", "x"])


async def _keys() -> Mapping[str, jwt.PyJWK]:
    return {"one": jwt.PyJWK(published(ec_key(), "one"))}


def found(token: str) -> Caller:
    async def asked() -> Caller:
        tokens = BearerTokens(ISSUER, SystemClock())
        tokens._keys = Refreshed("The keys", _keys, TERMS)
        assert tokens.known(token) is None
        try:
            caller = await tokens.find(token)
            assert tokens.known(token) == caller
        finally:
            await tokens.close()
        return caller

    return asyncio.run(asked())


def signed(payload: bytes, **header: object) -> str:
    return jwt.PyJWS().encode(payload, ec_key(), "ES256", {"kid": "one"} | header)


def test_a_good_one_is_good() -> None:
    assert found(signed(json.dumps(GOOD).encode())) == Caller("oidc:x", Scope.WRITE)


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), math.inf, -math.inf, math.nan, "1", "", True, None, [], {}, 253_402_300_800],
)
def test_an_instant_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(CredentialsRefused):
        found(signed(json.dumps({**GOOD, name: value}).encode()))


def test_an_end_that_is_no_number_is_called_what_it_is() -> None:
    for end in ("9999999999", 10**400):
        with pytest.raises(CredentialsRefused, match=NO_CLAIMS):
            found(signed(json.dumps({**GOOD, "exp": end}).encode()))


@settings(max_examples=150)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
@example({"exp": 10**400})
@example({"nbf": True})
def test_whatever_an_issuer_signs_is_accepted_or_refused(claims: Mapping[str, object]) -> None:
    try:
        assert found(signed(json.dumps({**GOOD, **claims}).encode())).id.startswith("oidc:")
    except CredentialsRefused:
        assert claims


@settings(max_examples=100)
@given(st.binary() | VALUES.map(json.dumps).map(str.encode) | st.just(b"[" * 5_000))
@example(b'{"exp": 1' + b"0" * 5_000 + b"}")
def test_what_is_signed_and_no_set_of_claims_is_refused(payload: bytes) -> None:
    with pytest.raises(CredentialsRefused):
        found(signed(payload))


@settings(max_examples=100)
@given(
    st.text(st.characters(max_codepoint=127)),
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk"]), VALUES, max_size=4),
)
def test_what_is_no_token_is_refused(text: str, header: Mapping[str, object]) -> None:
    part = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": "one", **header}).encode())
    for token in (text, f"{text}.{text}.{text}", f"{part.rstrip(b'=').decode()}.e30.{text}"):
        with pytest.raises(CredentialsRefused):
            found(token)
