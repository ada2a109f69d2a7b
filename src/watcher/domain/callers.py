"""Who may do what: scopes, and the bearers of tokens."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from watcher.domain.errors import Forbidden, Unauthenticated


class Scope(StrEnum):
    """What a caller may do; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, needed: "Scope") -> bool:
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = tuple(Scope)


@dataclass(unsafe_hash=True)
class CredentialsMissing(Unauthenticated):
    """Its sentence tells a person with `curl` what to add."""

    def __str__(self) -> str:
        return "This needs a key: send it as `Authorization: Bearer <key>`."


@dataclass(unsafe_hash=True)
class CredentialsRefused(Unauthenticated):
    reason: str

    def __str__(self) -> str:
        return f"The bearer token is refused: {self.reason}."


@dataclass(unsafe_hash=True)
class ScopeInsufficient(Forbidden):
    needed: Scope
    held: Scope | None

    def __str__(self) -> str:
        held = "no scope of Watcher's" if self.held is None else f"the scope {self.held}"
        return f"This needs the scope {self.needed}, and the bearer of this token has {held}."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: `key:<id>`, or `oidc:<subject>`. Without a scope nothing is allowed."""

    id: str
    scope: Scope | None

    def require(self, needed: Scope) -> None:
        """Raises `ScopeInsufficient`."""
        if self.scope is None or not self.scope.includes(needed):
            raise ScopeInsufficient(needed, self.scope)


class Callers(Protocol):
    """Finds who bears a token. It never says, logs or keeps the token itself."""

    def known(self, token: str) -> Caller | None:
        """The bearer, where that can be told without asking anybody; None says nothing about the token."""
        ...

    async def find(self, token: str) -> Caller:
        """The bearer. Raises `CredentialsRefused`, and `Unavailable` where it cannot be told now."""
        ...

    async def keep(self) -> None:
        """Keeps what is known up to date, without end, so that hardly anybody waits for it. Does not raise."""
        ...

    async def close(self) -> None:
        """Writes down what was noted, and lets go of everything."""
        ...
