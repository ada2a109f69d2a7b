"""Who else may say who somebody is: an issuer of tokens, by OpenID Connect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from watcher.domain.callers import Scope
from watcher.domain.errors import InvalidValue

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key. With the others whoever can check a token could make one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens are accepted, and what makes them good.

    `names` has for each scope the value that `scope_claim` must have, or have among its values. Without a `jwks_url`
    the issuer's own document of discovery says where its keys are. Raises `InvalidValue`.
    """

    url: str
    audience: str
    scope_claim: str
    names: Mapping[Scope, str]
    algorithms: Sequence[str]
    jwks_url: str | None = None

    def __post_init__(self) -> None:
        for field, url in (("issuer", self.url), ("jwks_url", self.jwks_url)):
            if url is not None and not is_protected(url):
                raise InvalidValue(field, "must begin with https://, unless it is on this machine")
        if not self.algorithms or not set(self.algorithms) <= set(ALGORITHMS):
            raise InvalidValue("algorithms", f"must be some of {', '.join(ALGORITHMS)}")

    def scope(self, claims: Mapping[str, object]) -> Scope | None:
        """The most that the claims allow."""
        values = _values(_claim(claims, self.scope_claim))
        return max(
            (scope for scope, name in self.names.items() if name in values),
            key=list(Scope).index,
            default=None,
        )


def is_protected(url: str) -> bool:
    """Whether nobody on the way can change what is read from there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return bool(host)
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


def scope_names(text: str) -> Mapping[Scope, str]:
    """`read=... write=... admin=...`, each once at most. Raises `InvalidValue`."""
    names: dict[Scope, str] = {}
    for pair in text.split():
        scope, separator, name = pair.partition("=")
        if not separator or not name or scope not in set(Scope) or scope in names:
            raise InvalidValue("scopes", "must look like read=NAME write=NAME admin=NAME")
        names[Scope(scope)] = name
    if not names:
        raise InvalidValue("scopes", "must name at least one scope")
    return names


def _claim(claims: Mapping[str, object], name: str) -> object:
    """The claim of that name, or else at the end of the way whose steps are between its dots."""
    if name in claims:
        return claims[name]
    found: object = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _values(claim: object) -> set[str]:
    """A text has values between spaces, as OAuth's `scope` does."""
    if isinstance(claim, str):
        return set(claim.split())
    return {value for value in claim if isinstance(value, str)} if isinstance(claim, list) else set()
