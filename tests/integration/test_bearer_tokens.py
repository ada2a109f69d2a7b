"""Tokens of an issuer: every way in which one may be wrong."""

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from tests.integration.bearers import accepting, refusal
from tests.issuer import Issuer, ec_key, published, rsa_key
from watcher.adapters.identity.bearer_tokens import BearerTokens
from watcher.adapters.system_clock import SystemClock
from watcher.domain.callers import Caller, Scope
from watcher.domain.issuer import scope_names


def _public() -> bytes:
    return (
        rsa_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _by_hand(header: dict[str, object], claims: dict[str, object], signature: bytes = b"") -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (*parts, signature)).decode()


def _claims(issuer: Issuer) -> dict[str, object]:
    return {"iss": issuer.url, "aud": "watcher", "sub": "x", "exp": 2**33, "scope": "watcher:admin"}


async def test_a_good_token_says_who_bears_it(issuer: Issuer, tokens: BearerTokens) -> None:
    token = issuer.token()
    assert tokens.known(token) is None
    bearer = Caller("oidc:pipelines", Scope.WRITE)
    assert await tokens.find(token) == bearer
    assert tokens.known(token) == bearer
    assert issuer.asked == ["/keys"]


async def test_a_key_on_a_curve_is_as_good(issuer: Issuer, tokens: BearerTokens) -> None:
    issuer.publish(published(rsa_key(), "one"), published(ec_key(), "two"))
    token = issuer.token(ec_key(), kid="two", algorithm="ES256")
    assert (await tokens.find(token)).scope is Scope.WRITE


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another"}, "it is for another audience"),
        ({"aud": ["another", "third"]}, "it is for another audience"),
        ({"iss": "https://elsewhere.example"}, "it is of another issuer"),
        ({"exp": int(datetime.now(UTC).timestamp()) - 60}, "it has expired"),
        ({"nbf": int(datetime.now(UTC).timestamp()) + 600}, "it is not valid yet"),
        ({"without": "exp"}, "it lacks a claim"),
        ({"without": "iss"}, "it lacks a claim"),
        ({"without": "aud"}, "it lacks a claim"),
        ({"without": "sub"}, "it lacks a claim"),
        ({"kid": None}, "it does not name the key that signed it"),
        ({"kid": "two"}, "it is signed by a key that the issuer does not publish"),
        ({"algorithm": "RS512"}, "it is signed by an algorithm that is not accepted"),
        ({"algorithm": "PS256"}, "it is signed by an algorithm that is not accepted"),
    ],
)
async def test_a_token_that_is_wrong_is_refused(
    issuer: Issuer, tokens: BearerTokens, claims: dict[str, object], reason: str
) -> None:
    assert await refusal(tokens, issuer.token(**claims)) == reason  # type: ignore[arg-type]


async def test_a_token_signed_by_another_key_is_refused(issuer: Issuer, tokens: BearerTokens) -> None:
    assert await refusal(tokens, issuer.token(rsa_key(1))) == "it is not signed as it should be"


async def test_algorithms_cannot_be_confused(issuer: Issuer, tokens: BearerTokens) -> None:
    """The public key is public: nobody may sign with it as if it were a shared secret, nor not at all."""
    unaccepted = "it is signed by an algorithm that is not accepted"
    header: dict[str, object] = {"alg": "HS256", "typ": "JWT", "kid": "one"}
    signed = _by_hand(header, _claims(issuer)).rpartition(".")[0]
    signature = hmac.digest(_public(), signed.encode(), "sha256")
    forged = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert await refusal(tokens, forged) == unaccepted
    for algorithm in ("none", "None", "", "HS512", None, 7, ["RS256"]):
        token = _by_hand(header | {"alg": algorithm}, _claims(issuer))
        assert await refusal(tokens, token) in (
            unaccepted,
            "it is neither a key of Watcher nor a JSON Web Token",
        )
    issuer.publish(published(rsa_key(), "one"), published(ec_key(), "two"))
    assert await refusal(tokens, issuer.token(kid="two")) == unaccepted


async def test_a_shared_secret_that_an_issuer_publishes_is_no_key(
    issuer: Issuer, tokens: BearerTokens
) -> None:
    issuer.publish(
        {"kty": "oct", "kid": "one", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}, published(rsa_key(), "x")
    )
    assert "does not publish" in await refusal(tokens, issuer.token())


async def test_a_key_for_encryption_is_no_key_for_signatures(issuer: Issuer, tokens: BearerTokens) -> None:
    issuer.publish(published(rsa_key(), "one", use="enc"), published(rsa_key(1), "two"))
    assert "does not publish" in await refusal(tokens, issuer.token())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        ".",
        "..",
        "ey.ey.ey",
        "[" * 2_000,
        f"{base64.b64encode(b'[' * 5_000).decode()}.e30.x",
    ],
)
async def test_what_is_no_token_is_refused_without_asking_anybody(
    issuer: Issuer, tokens: BearerTokens, token: str
) -> None:
    assert await refusal(tokens, token) == "it is neither a key of Watcher nor a JSON Web Token"
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("claims", "scope"),
    [
        ({"scope": "watcher:read"}, Scope.READ),
        ({"scope": "watcher:read watcher:admin openid"}, Scope.ADMIN),
        ({"scope": ["watcher:write", 7, None]}, Scope.WRITE),
        ({"scope": "watcher:readx"}, None),
        ({"scope": {"watcher:admin": True}}, None),
        ({"without": "scope"}, None),
    ],
)
async def test_the_scope_is_read_off_a_claim(
    issuer: Issuer, tokens: BearerTokens, claims: dict[str, object], scope: Scope | None
) -> None:
    assert (await tokens.find(issuer.token(**claims))).scope is scope  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["realm_access.roles", "https://watcher.example/roles"])
async def test_the_claim_may_lie_in_an_object_or_have_dots_in_its_name(issuer: Issuer, name: str) -> None:
    tokens = accepting(issuer, scope_claim=name, names=scope_names("admin=operators"))
    roles: dict[str, Any] = {
        "realm_access": {"roles": ["operators"]},
        "https://watcher.example/roles": ["operators"],
    }
    assert (await tokens.find(issuer.token(**roles))).scope is Scope.ADMIN
    assert (await tokens.find(issuer.token(realm_access=["operators"]))).scope is None
    await tokens.close()


async def test_what_is_remembered_of_a_token_ends_with_it(issuer: Issuer) -> None:
    class Later(SystemClock):
        seconds = 0.0

        def now(self) -> datetime:
            return datetime.fromtimestamp(super().now().timestamp() + self.seconds, UTC)

    clock = Later()
    tokens = accepting(issuer)
    tokens._clock = clock
    lasting, short = issuer.token(), issuer.token(exp=int(datetime.now(UTC).timestamp()) + 10)
    for token in (lasting, short):
        await tokens.find(token)
    clock.seconds = 45
    assert (tokens.known(lasting) is None, tokens.known(short) is None) == (False, True)
    clock.seconds = 61
    assert tokens.known(lasting) is None
    await tokens.close()
