"""The rates of several processes as one: each judges by itself, and they tell each other what they admitted."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from watcher.beside import beside
from watcher.domain.rates import Debts, DebtsUnknown, Rate, Rates

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.1
"""Between two exchanges: so long a process does not know what others admit."""

REST_SECONDS = 2.0
"""After an exchange that failed."""

MOST_WINDOWS = 2
"""How many bursts of debt a caller can have, by what several processes admitted before they knew of each other."""


class SharedRates:
    """Keeps `rates` of this process in step with the `debts` of all."""

    def __init__(self, rates: Rates, debts: Debts, rate: Rate) -> None:
        self._rates = rates
        self._debts = debts
        self._most = MOST_WINDOWS * rate.window
        self._alone = False

    @asynccontextmanager
    async def exchanging(self) -> AsyncIterator[None]:
        """Exchanges without end while the block runs. No request waits for it."""
        async with beside(self._exchange_on()):
            yield

    async def exchange(self) -> bool:
        """Whether what was admitted here is known to all, and the other way round. If not, it is only known here."""
        taken = self._rates.taken()
        try:
            debts = await self._debts.add(taken, self._most) if taken else {}
        except DebtsUnknown as error:
            if not self._alone:
                log.warning("Rates are limited by each process for itself, without Redis: %s", error)
            self._alone = True
            return False
        if self._alone and taken:
            log.warning("Rates are limited by all processes together again")
            self._alone = False
        self._rates.learn(debts)
        return True

    async def _exchange_on(self) -> None:
        while True:
            done = await self.exchange()
            await asyncio.sleep(PAUSE_SECONDS if done else REST_SECONDS)
