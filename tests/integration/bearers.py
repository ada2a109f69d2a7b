"""Tokens put before an adapter that accepts those of an issuer."""

import pytest

from tests.issuer import Issuer
from watcher.adapters.identity.bearer_tokens import BearerTokens
from watcher.adapters.identity.refreshed import Terms
from watcher.adapters.system_clock import SystemClock
from watcher.domain import issuer as domain
from watcher.domain.callers import CredentialsRefused
from watcher.domain.issuer import scope_names

EAGER = Terms(fresh=300, stale=600, kept=3_600, pause=0, patience=30)
NAMES = scope_names("read=watcher:read write=watcher:write admin=watcher:admin")


def accepted(issuer: Issuer, **changes: object) -> domain.Issuer:
    """What the settings say of it."""
    settings: dict[str, object] = {
        "url": issuer.url,
        "audience": issuer.audience,
        "jwks_url": issuer.jwks_url,
        "scope_claim": "scope",
        "names": NAMES,
        "algorithms": ("RS256", "ES256"),
    }
    return domain.Issuer(**(settings | changes))  # type: ignore[arg-type]


def accepting(issuer: Issuer, terms: Terms = EAGER, **changes: object) -> BearerTokens:
    return BearerTokens(accepted(issuer, **changes), SystemClock(), terms)


async def refusal(tokens: BearerTokens, token: str) -> str:
    assert tokens.known(token) is None
    with pytest.raises(CredentialsRefused) as refused:
        await tokens.find(token)
    assert tokens.known(token) is None
    return refused.value.reason
