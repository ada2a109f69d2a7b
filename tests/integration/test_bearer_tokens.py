"""Tokens of an issuer: every way in which one may be wrong, and an issuer that changes its keys or is away."""

import base64
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from tests.issuer import Issuer, ec_key, issuing, published, rsa_key
from tests.logs import logged
from watcher.adapters.identity.bearer_tokens import TERMS, BearerTokens
from watcher.adapters.identity.refreshed import SourceUnavailable, Terms
from watcher.adapters.system_clock import SystemClock
from watcher.domain import issuer as domain
from watcher.domain.callers import Caller, CredentialsRefused, Scope
from watcher.domain.issuer import scope_names

EAGER = Terms(fresh=300, stale=600, kept=3_600, pause=0, patience=30)
NAMES = scope_names("read=watcher:read write=watcher:write admin=watcher:admin")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


def accepting(issuer: Issuer, terms: Terms = EAGER, **changes: object) -> BearerTokens:
    settings: dict[str, object] = {
        "url": issuer.url,
        "audience": issuer.audience,
        "jwks_url": issuer.jwks_url,
        "scope_claim": "scope",
        "names": NAMES,
        "algorithms": ("RS256", "ES256"),
    }
    return BearerTokens(domain.Issuer(**(settings | changes)), SystemClock(), terms)  # type: ignore[arg-type]


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[BearerTokens]:
    tokens = accepting(issuer)
    yield tokens
    await tokens.close()


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


async def refusal(tokens: BearerTokens, token: str) -> str:
    assert tokens.known(token) is None
    with pytest.raises(CredentialsRefused) as refused:
        await tokens.find(token)
    assert tokens.known(token) is None
    return refused.value.reason


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


async def test_a_rotated_key_is_found_by_the_first_token_that_it_signed(
    issuer: Issuer, tokens: BearerTokens
) -> None:
    await tokens.find(issuer.token())
    issuer.publish(published(rsa_key(1), "new"))
    assert (await tokens.find(issuer.token(rsa_key(1), kid="new"))).scope is Scope.WRITE
    assert "does not publish" in await refusal(tokens, issuer.token(sub="late"))


async def test_unknown_keys_do_not_hammer_the_issuer(issuer: Issuer) -> None:
    tokens = accepting(issuer, TERMS)
    await tokens.find(issuer.token())
    for number in range(50):
        assert "does not publish" in await refusal(tokens, issuer.token(kid=f"made up {number}"))
    assert issuer.asked == ["/keys"]
    await tokens.close()


async def test_the_keys_outlive_an_issuer_that_is_away(issuer: Issuer, tokens: BearerTokens) -> None:
    await tokens.find(issuer.token())
    del issuer.documents["/keys"]
    with logged() as log:
        assert (await tokens.find(issuer.token(sub="another"))).id == "oidc:another"
        with pytest.raises(SourceUnavailable):  # it may be that the issuer has it by now
            await tokens.find(issuer.token(kid="two"))
    assert "The keys of the issuer cannot be read: those known are good for" in log.getvalue()
    assert "The issuer answers 404" in log.getvalue()


async def test_without_any_key_nothing_can_be_said_of_a_token(issuer: Issuer, tokens: BearerTokens) -> None:
    token = issuer.token()
    answers: tuple[object, ...] = (
        b"<html>",
        b"[]",
        b"{}",
        {"keys": []},
        {"keys": [7, {}]},
        b"[" * 100_000,
        b" " * (2**20 + 1),
    )
    for answer in answers:
        issuer.documents["/keys"] = answer
        with pytest.raises(SourceUnavailable):
            await tokens.find(token)
    issuer.publish(published(rsa_key(), "one"))
    assert (await tokens.find(token)).scope is Scope.WRITE


async def test_an_issuer_that_is_not_there_makes_nothing_known() -> None:
    with issuing() as gone:
        token, tokens = gone.token(), accepting(gone)
    with pytest.raises(SourceUnavailable):
        await tokens.find(token)
    await tokens.close()


async def test_the_document_of_discovery_says_where_the_keys_are(issuer: Issuer) -> None:
    tokens = accepting(issuer, jwks_url=None)
    assert (await tokens.find(issuer.token())).scope is Scope.WRITE
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    await tokens.close()


@pytest.mark.parametrize(
    "changed",
    [{"issuer": "https://elsewhere.example"}, {"jwks_uri": "http://192.0.2.1/keys"}, {"jwks_uri": None}],
)
async def test_a_document_of_discovery_that_is_not_right_is_not_followed(
    issuer: Issuer, changed: dict[str, object]
) -> None:
    issuer.documents["/.well-known/openid-configuration"] |= changed
    tokens = accepting(issuer, jwks_url=None)
    with pytest.raises(SourceUnavailable):
        await tokens.find(issuer.token())
    await tokens.close()


async def test_a_redirect_is_not_followed(issuer: Issuer) -> None:
    issuer.redirects["/moved"] = issuer.jwks_url
    tokens = accepting(issuer, jwks_url=f"{issuer.url}/moved")
    with pytest.raises(SourceUnavailable):
        await tokens.find(issuer.token())
    assert issuer.asked == ["/moved"]
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
