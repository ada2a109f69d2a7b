"""The keys of an issuer: found, read again, and outliving it for a while."""

import gzip
import json
from time import monotonic

import pytest

from tests.integration.bearers import accepted, accepting, refusal
from tests.issuer import Issuer, issuing, published, rsa_key
from tests.logs import logged
from watcher.adapters.identity import key_set
from watcher.adapters.identity.bearer_tokens import TERMS, BearerTokens
from watcher.adapters.identity.key_set import IssuerUnavailable, read_keys
from watcher.adapters.identity.refreshed import SourceUnavailable
from watcher.domain.callers import Scope


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


async def test_an_answer_is_not_unpacked(issuer: Issuer, tokens: BearerTokens) -> None:
    token, keys = issuer.token(), json.dumps(issuer.documents["/keys"]).encode()
    issuer.documents["/keys"] = gzip.compress(keys)
    issuer.heads["Content-Encoding"] = "gzip"
    with pytest.raises(SourceUnavailable):
        await tokens.find(token)


async def test_an_issuer_that_says_a_little_all_the_time_is_not_heard_to_the_end(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "SECONDS", 1.0)
    issuer.pause = 0.3  # between two bytes: each alone comes in time
    began = monotonic()
    with pytest.raises(IssuerUnavailable, match="TimeoutError"):
        await read_keys(accepted(issuer))
    assert monotonic() - began < 0.3 * len(json.dumps(issuer.documents["/keys"])) / 2


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9"])
async def test_a_proxy_that_cannot_be_used_is_said(
    issuer: Issuer, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(IssuerUnavailable, match="The proxy of this machine's settings cannot be used"):
        await read_keys(accepted(issuer))


async def test_a_redirect_is_not_followed(issuer: Issuer) -> None:
    issuer.redirects["/moved"] = issuer.jwks_url
    tokens = accepting(issuer, jwks_url=f"{issuer.url}/moved")
    with pytest.raises(SourceUnavailable):
        await tokens.find(issuer.token())
    assert issuer.asked == ["/moved"]
    await tokens.close()
