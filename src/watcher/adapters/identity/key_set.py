"""The public keys of an issuer, read from where it publishes them."""

import asyncio
import json
import ssl
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import httpx
import jwt

from watcher.domain.errors import Unavailable
from watcher.domain.issuer import Issuer, is_protected

SECONDS = 5.0
"""For one document, to its end."""

LARGEST = 2**20
"""Bytes, as they come: none that is compressed is asked for."""

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class IssuerUnavailable(Unavailable):
    """`str` says what is wrong with its answer."""


async def read_keys(issuer: Issuer) -> Mapping[str, jwt.PyJWK]:
    """The keys by their ids, those that may sign by an algorithm of the settings. Raises `IssuerUnavailable`."""
    async with await _client() as client:
        url = issuer.jwks_url or await _discovered(client, issuer)
        entries = (await _document(client, url)).get("keys")
    found = await asyncio.to_thread(_keys, entries if isinstance(entries, list) else (), issuer.algorithms)
    if not found:
        raise IssuerUnavailable("The issuer publishes no key that could be used.")
    return found


async def _client() -> httpx.AsyncClient:
    """Trusts whom this machine trusts. A redirect, which could lead to where anybody on the way can answer, it reports."""
    try:
        trusted = await asyncio.to_thread(ssl.create_default_context)
        return httpx.AsyncClient(verify=trusted, headers=HEADERS, timeout=SECONDS, follow_redirects=False)
    except (ImportError, ValueError) as error:
        raise IssuerUnavailable(f"The proxy of this machine's settings cannot be used: {error}") from None


def _keys(entries: Iterable[Any], algorithms: Collection[str]) -> Mapping[str, jwt.PyJWK]:
    keys = filter(None, map(_key, entries))
    return {key.key_id: key for key in keys if key.key_id and key.algorithm_name in algorithms}


def _key(entry: Any) -> jwt.PyJWK | None:
    """Nothing for what is not for signatures, or of a kind that is not known here."""
    if not isinstance(entry, dict) or entry.get("use") not in (None, "sig"):
        return None
    try:
        return jwt.PyJWK(entry)
    except jwt.PyJWTError:
        return None


async def _discovered(client: httpx.AsyncClient, issuer: Issuer) -> str:
    document = await _document(client, f"{issuer.url.rstrip('/')}/.well-known/openid-configuration")
    url = document.get("jwks_uri")
    if document.get("issuer") != issuer.url or not isinstance(url, str) or not is_protected(url):
        raise IssuerUnavailable("The issuer's document of discovery is not that of WATCHER_OIDC_ISSUER.")
    return url


async def _document(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    text = b""
    try:
        async with asyncio.timeout(SECONDS), client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise IssuerUnavailable(f"The issuer answers {answer.status_code}.")
            async for part in answer.aiter_raw():
                text += part
                if len(text) > LARGEST:
                    raise IssuerUnavailable("The issuer's answer is longer than keys can be.")
        document = json.loads(text)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, RecursionError) as error:
        raise IssuerUnavailable(f"The issuer does not answer as it should: {type(error).__name__}.") from None
    if not isinstance(document, dict):
        raise IssuerUnavailable("The issuer's answer is not what it should be.")
    return document
