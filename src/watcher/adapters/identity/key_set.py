"""The public keys of an issuer, read from where it publishes them."""

import asyncio
import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import jwt

from watcher.domain.errors import Unavailable
from watcher.domain.issuer import Issuer, is_protected

TIMEOUT = 5.0
LARGEST = 2**20


class IssuerUnavailable(Unavailable):
    """`str` says what is wrong with its answer."""


class _StayThere(HTTPRedirectHandler):
    """A redirect could lead to where anybody on the way can answer."""

    def redirect_request(self, *_: Any, **__: Any) -> Request | None:
        return None


async def read_keys(issuer: Issuer) -> Mapping[str, jwt.PyJWK]:
    """The keys by their ids, those that may sign by an algorithm of the settings. Raises `IssuerUnavailable`."""
    return await asyncio.to_thread(_keys, issuer)


def _keys(issuer: Issuer) -> Mapping[str, jwt.PyJWK]:
    found = {}
    entries = _document(issuer.jwks_url or _discovered(issuer)).get("keys")
    for entry in entries if isinstance(entries, list) else ():
        key = _key(entry)
        if key is not None and key.key_id and key.algorithm_name in issuer.algorithms:
            found[key.key_id] = key
    if not found:
        raise IssuerUnavailable("The issuer publishes no key that could be used.")
    return found


def _key(entry: Any) -> jwt.PyJWK | None:
    """Nothing for what is not for signatures, or of a kind that is not known here."""
    if not isinstance(entry, dict) or entry.get("use") not in (None, "sig"):
        return None
    try:
        return jwt.PyJWK(entry)
    except jwt.PyJWTError:
        return None


def _discovered(issuer: Issuer) -> str:
    document = _document(f"{issuer.url.rstrip('/')}/.well-known/openid-configuration")
    url = document.get("jwks_uri")
    if document.get("issuer") != issuer.url or not isinstance(url, str) or not is_protected(url):
        raise IssuerUnavailable("The issuer's document of discovery is not that of WATCHER_OIDC_ISSUER.")
    return url


def _document(url: str) -> dict[str, Any]:
    try:
        with build_opener(_StayThere).open(url, timeout=TIMEOUT) as answer:
            text = answer.read(LARGEST + 1)
        document = json.loads(text) if len(text) <= LARGEST else None
    except HTTPError as error:
        with error:
            raise IssuerUnavailable(f"The issuer answers {error.code}.") from None
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise IssuerUnavailable(f"The issuer does not answer as it should: {type(error).__name__}.") from None
    if not isinstance(document, dict):
        raise IssuerUnavailable("The issuer's answer is not what it should be.")
    return document
