"""API keys: made once, shown once, kept as a digest, revoked."""

import hmac
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from watcher.domain.callers import Scope
from watcher.domain.clock import Clock, in_utc
from watcher.domain.errors import Conflict, InvalidValue, NotFound
from watcher.domain.text import checked_name

PREFIX = "wtc_"
KEY_NAME_LIMIT = 150
MOST_USABLE = 1_000
"""So many keys may be usable at a time: every process knows them all."""
ID_BYTES, SECRET_BYTES = 5, 32


@dataclass(unsafe_hash=True)
class KeyNotFound(NotFound):
    id: str

    def __str__(self) -> str:
        return f"There is no key {self.id}."


@dataclass(unsafe_hash=True)
class TooManyKeys(Conflict):
    def __str__(self) -> str:
        return f"There are {MOST_USABLE:,} keys already that can be used; revoke some first."


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """What is kept of a secret: its SHA-256, or with a pepper its HMAC-SHA256.

    A secret is 256 random bits, so nobody finds it by trying, and a slow hash would only cost time. The pepper is for
    whoever can write to the database and nothing else: they cannot make a key with it.
    """

    pepper: bytes | None = field(default=None, repr=False)

    def __call__(self, secret: str) -> bytes:
        if self.pepper is None:
            return sha256(secret.encode()).digest()
        return hmac.digest(self.pepper, secret.encode(), "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key on record, without anything by which it could be used."""

    id: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """Usable, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        return "usable" if self.expires_at is None or self.expires_at > now else "expired"


@dataclass(frozen=True, slots=True)
class UsableKey:
    """What it takes to recognise a key."""

    id: str
    scope: Scope
    digest: bytes = field(repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key and, for this one time, its text."""

    key: ApiKey
    text: str = field(repr=False)


class Keys(Protocol):
    """The keys on record. Every method is one transaction."""

    async def create(self, key: ApiKey, digest: bytes) -> None:
        """Raises `TooManyKeys` when `MOST_USABLE` are usable at its `created_at`."""
        ...

    async def all(self) -> Sequence[ApiKey]:
        """Every key that ever was, in the order of their creation."""
        ...

    async def usable(self, now: datetime) -> Sequence[UsableKey]:
        """Those that are neither revoked nor expired."""
        ...

    async def revoke(self, identity: str, now: datetime) -> ApiKey:
        """Ends a key; the instant of the first time stays. Raises `KeyNotFound`."""
        ...

    async def used(self, uses: Mapping[str, datetime]) -> None:
        """Notes when keys were used last, by their ids; never goes back, and ignores keys that there are not."""
        ...


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Makes a key from so many random bytes as it asks for."""

    keys: Keys
    clock: Clock
    digest: KeyDigest
    random_bytes: Callable[[int], bytes]

    async def __call__(self, name: str, scope: Scope, expires_at: datetime | None = None) -> CreatedKey:
        """Raises `InvalidValue`, `TooManyKeys`."""
        now = self.clock.now()
        expires_at = None if expires_at is None else in_utc("expires", expires_at)
        if expires_at is not None and expires_at <= now:
            raise InvalidValue("expires", "must lie in the future")
        identity = b32encode(self.random_bytes(ID_BYTES)).decode().lower()
        secret = urlsafe_b64encode(self.random_bytes(SECRET_BYTES)).decode().rstrip("=")
        key = ApiKey(
            id=identity,
            name=checked_name("name", name, KEY_NAME_LIMIT),
            scope=scope,
            created_at=now,
            expires_at=expires_at,
        )
        await self.keys.create(key, self.digest(secret))
        return CreatedKey(key, f"{PREFIX}{identity}_{secret}")


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Ends a key, for every process within seconds."""

    keys: Keys
    clock: Clock

    async def __call__(self, identity: str) -> ApiKey:
        return await self.keys.revoke(identity, self.clock.now())
