"""Keys of our own and tokens of an issuer, told apart by how they begin."""

import asyncio
from dataclasses import dataclass

from watcher.domain.callers import Caller, Callers
from watcher.domain.keys import PREFIX


@dataclass(frozen=True, slots=True)
class KeysOrTokens:
    """`Callers` by either."""

    keys: Callers
    tokens: Callers

    def known(self, token: str) -> Caller | None:
        return self._of(token).known(token)

    async def find(self, token: str) -> Caller:
        return await self._of(token).find(token)

    async def keep(self) -> None:
        await asyncio.gather(self.keys.keep(), self.tokens.keep())

    async def close(self) -> None:
        await self.keys.close()
        await self.tokens.close()

    def _of(self, token: str) -> Callers:
        return self.keys if token.startswith(PREFIX) else self.tokens
