"""The API keys, in dictionaries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from watcher.domain.errors import StoreRefused
from watcher.domain.keys import MOST_USABLE, ApiKey, KeyNotFound, TooManyKeys, UsableKey


class MemoryKeys:
    """`Keys` in dictionaries."""

    def __init__(self) -> None:
        self._rows: dict[str, ApiKey] = {}
        self._digests: dict[str, bytes] = {}

    async def create(self, key: ApiKey, digest: bytes) -> None:
        if key.id in self._rows:
            raise StoreRefused(f"there is a key {key.id} already")
        if len(await self.usable(key.created_at)) >= MOST_USABLE:
            raise TooManyKeys
        self._rows[key.id], self._digests[key.id] = key, digest

    async def all(self) -> Sequence[ApiKey]:
        return sorted(self._rows.values(), key=lambda key: (key.created_at, key.id))

    async def usable(self, now: datetime) -> Sequence[UsableKey]:
        return [
            UsableKey(key.id, key.scope, self._digests[key.id], key.expires_at)
            for _, key in sorted(self._rows.items())
            if key.state(now) == "usable"
        ]

    async def revoke(self, identity: str, now: datetime) -> ApiKey:
        if identity not in self._rows:
            raise KeyNotFound(identity)
        key = self._rows[identity]
        self._rows[identity] = replace(key, revoked_at=key.revoked_at or now)
        return self._rows[identity]

    def over_before(self, before: datetime) -> list[str]:
        """Those that were revoked, or expired, before an instant."""
        return [
            key.id
            for key in self._rows.values()
            if any(end is not None and end < before for end in (key.revoked_at, key.expires_at))
        ]

    def forget(self, identities: Collection[str]) -> None:
        for identity in identities:
            del self._rows[identity], self._digests[identity]

    async def used(self, uses: Mapping[str, datetime]) -> None:
        for identity in uses.keys() & self._rows.keys():
            key, at = self._rows[identity], uses[identity]
            if key.last_used_at is None or key.last_used_at < at:
                self._rows[identity] = replace(key, last_used_at=at)
