"""The usable keys, known to this process: a request costs a look into a dictionary and a hash, and no trip."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from hmac import compare_digest

from watcher.adapters.identity.refreshed import Refreshed, Terms
from watcher.domain.callers import Caller, CredentialsRefused
from watcher.domain.clock import Clock
from watcher.domain.errors import WatcherError
from watcher.domain.keys import PREFIX, KeyDigest, Keys, UsableKey

log = logging.getLogger(__name__)

TERMS = Terms(fresh=2, stale=5, kept=60, pause=0.5, patience=1)
"""A key that is revoked stops within five seconds; while the database is away, within a minute."""
NOTING_SECONDS = 30.0
"""How long a use may wait to be written down."""
REASON = "it is not a key that is known here, or the key was revoked or has expired"


class KnownKeys:
    """`Callers` by keys. All usable ones are read at once, so a key that there is not costs no trip of its own."""

    def __init__(self, keys: Keys, digest: KeyDigest, clock: Clock, terms: Terms = TERMS) -> None:
        self._keys, self._digest, self._clock = keys, digest, clock
        self._known = Refreshed("The API keys", self._usable, terms)
        self._used: dict[str, datetime] = {}
        self._noting: asyncio.Task[None] | None = None

    def known(self, token: str) -> Caller | None:
        keys = self._known.at_hand()
        return None if keys is None else self._bearer(keys, token)

    async def find(self, token: str) -> Caller:
        keys = await self._known.renewed()
        caller = self._bearer(keys, token)
        if caller is None:
            if _identity(token) not in keys:
                self._known.require_latest()  # it may be new
            raise CredentialsRefused(REASON)
        return caller

    async def keep(self) -> None:
        await self._known.keep()

    async def close(self) -> None:
        await self._known.close()
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.wait({self._noting})
        await self._note()

    async def _usable(self) -> Mapping[str, tuple[UsableKey, Caller]]:
        usable = await self._keys.usable(self._clock.now())
        return {key.id: (key, Caller(f"key:{key.id}", key.scope)) for key in usable}

    def _bearer(self, keys: Mapping[str, tuple[UsableKey, Caller]], token: str) -> Caller | None:
        if not token.startswith(PREFIX):
            return None
        identity, secret = _identity(token), token.removeprefix(PREFIX).partition("_")[2]
        key, caller = keys.get(identity, (None, None))
        if key is None or not compare_digest(self._digest(secret), key.digest):
            return None
        now = self._clock.now()
        if key.expires_at is not None and key.expires_at <= now:
            return None
        self._used[identity] = now
        if self._noting is None:
            self._noting = asyncio.create_task(self._note_soon())
        return caller

    async def _note_soon(self) -> None:
        try:
            while self._used:
                await asyncio.sleep(NOTING_SECONDS)
                await self._note()
        finally:
            self._noting = None

    async def _note(self) -> None:
        """Writes down the last uses in one statement; what was not written waits for the next time."""
        used, self._used = self._used, {}
        try:
            if used:
                await self._keys.used(used)
            used = {}
        except WatcherError as error:
            log.warning("When %d keys were used last could not be written down: %s", len(used), error)
        finally:
            self._used = used | self._used


def _identity(token: str) -> str:
    """What a key says that it is."""
    return token.removeprefix(PREFIX).partition("_")[0]
