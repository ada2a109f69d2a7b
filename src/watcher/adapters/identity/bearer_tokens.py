"""Tokens of an issuer: JWTs, checked by its public keys."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt

from watcher.adapters.identity.key_set import read_keys
from watcher.adapters.identity.refreshed import Refreshed, Terms
from watcher.domain.callers import Caller, CredentialsRefused
from watcher.domain.clock import Clock
from watcher.domain.issuer import Issuer

TERMS = Terms(fresh=300, stale=600, kept=3_600, pause=10, patience=5)
WANTED_SECONDS = 3_600.0
"""So long after the last token that needed them the issuer's keys are kept young."""
ReadKeys = Callable[[Issuer], Awaitable[Mapping[str, jwt.PyJWK]]]
LEEWAY = timedelta(seconds=30)
"""By so much the clocks of an issuer and of this machine may differ."""
REMEMBERED = timedelta(seconds=60)
MOST_REMEMBERED = 10_000
REQUIRED = ("exp", "iss", "aud", "sub")
INSTANTS = ("exp", "nbf", "iat")
END_OF_TIME = datetime.max.replace(tzinfo=UTC).timestamp()
NO_CLAIMS = "its claims are not what they should be"
REASONS: Mapping[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.MissingRequiredClaimError: "it lacks a claim",
    jwt.InvalidAlgorithmError: "it is signed by an algorithm that is not accepted",
}


@dataclass(frozen=True, slots=True)
class Remembered:
    caller: Caller
    until: datetime


class BearerTokens:
    """`Callers` by tokens. One that was checked is known for a minute: a signature takes as long as a request."""

    def __init__(
        self, issuer: Issuer, clock: Clock, terms: Terms = TERMS, read: ReadKeys = read_keys
    ) -> None:
        self._issuer, self._clock = issuer, clock
        self._keys = Refreshed("The keys of the issuer", lambda: read(issuer), terms)
        self._remembered: dict[bytes, Remembered] = {}

    def known(self, token: str) -> Caller | None:
        held = self._remembered.get(sha256(token.encode()).digest())
        return None if held is None or held.until <= self._clock.now() else held.caller

    async def find(self, token: str) -> Caller:
        claims = self._checked(token, await self._key(token))
        caller = Caller(f"oidc:{claims['sub']}", self._issuer.scope(claims))
        now = self._clock.now()
        remaining = claims["exp"] + LEEWAY.total_seconds() - now.timestamp()
        if len(self._remembered) >= MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        until = now + timedelta(seconds=min(remaining, REMEMBERED.total_seconds()))
        self._remembered[sha256(token.encode()).digest()] = Remembered(caller, until)
        return caller

    async def keep(self) -> None:
        await self._keys.keep(WANTED_SECONDS)

    async def close(self) -> None:
        await self._keys.close()

    async def _key(self, token: str) -> jwt.PyJWK:
        """The key that the token names; one that is not known may be new, and is asked for in good measure."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, RecursionError):
            raise CredentialsRefused("it is neither a key of Watcher nor a JSON Web Token") from None
        if header.get("alg") not in self._issuer.algorithms:
            raise CredentialsRefused(REASONS[jwt.InvalidAlgorithmError])
        identity = header.get("kid")
        if not isinstance(identity, str):
            raise CredentialsRefused("it does not name the key that signed it")
        keys = self._keys.at_hand()
        if keys is None or identity not in keys:
            keys = await self._keys.renewed()
        if identity not in keys:
            self._keys.require_latest()
            raise CredentialsRefused("it is signed by a key that the issuer does not publish")
        return keys[identity]

    def _checked(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=self._issuer.algorithms,
                audience=self._issuer.audience,
                issuer=self._issuer.url,
                leeway=LEEWAY,
                options={"require": list(REQUIRED)},
            )
        except jwt.PyJWTError as error:
            raise CredentialsRefused(REASONS.get(type(error), "it is not signed as it should be")) from None
        except (
            ArithmeticError,
            TypeError,
            ValueError,
            RecursionError,
        ):  # what PyJWT does not expect in claims
            raise CredentialsRefused(NO_CLAIMS) from None
        if not all(_is_instant(claims[name]) for name in INSTANTS if name in claims):
            raise CredentialsRefused(NO_CLAIMS)
        return claims


def _is_instant(claim: object) -> bool:
    """Whether it is a number of seconds, as of RFC 7519, of an instant that the calendar has."""
    return isinstance(claim, int | float) and not isinstance(claim, bool) and 0 <= claim < END_OF_TIME
