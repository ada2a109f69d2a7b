"""What callers may still ask, counted in a dictionary."""

from collections import Counter
from collections.abc import Callable, Mapping

from watcher.domain.rates import Rate, Standing, admitted, standing

MOST_CALLERS = 20_000
"""Beyond that, callers are forgotten: those without debt, and if these are few, those who were seen first."""


class MemoryRates:
    """`Rates` of one process. `seconds` tells the time of a clock that never jumps."""

    def __init__(self, rate: Rate, seconds: Callable[[], float]) -> None:
        self._rate = rate
        self._seconds = seconds
        self._free_at: dict[str, float] = {}
        self._taken: Counter[str] = Counter()

    def take(self, caller: str) -> Standing:
        now = self._seconds()
        debt = max(self._free_at.get(caller, now) - now, 0.0)
        if not admitted(self._rate, debt):
            return standing(self._rate, debt, admitted=False)
        if len(self._free_at) >= MOST_CALLERS and caller not in self._free_at:
            self._forget(now)
        debt += self._rate.interval
        self._free_at[caller] = now + debt
        self._taken[caller] += 1
        return standing(self._rate, debt, admitted=True)

    def taken(self) -> Mapping[str, float]:
        taken, self._taken = self._taken, Counter()
        return {caller: requests * self._rate.interval for caller, requests in taken.items()}

    def learn(self, debts: Mapping[str, float]) -> None:
        now = self._seconds()
        for caller, debt in debts.items():
            self._free_at[caller] = now + debt + self._taken[caller] * self._rate.interval

    def _forget(self, now: float) -> None:
        self._free_at = {caller: at for caller, at in self._free_at.items() if at > now}
        for caller in list(self._free_at)[: max(len(self._free_at) - MOST_CALLERS * 9 // 10, 0)]:
            del self._free_at[caller]
        self._taken = Counter({caller: self._taken[caller] for caller in self._free_at})


class MemoryDebts:
    """`Debts` in a dictionary."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._free_at: dict[str, float] = {}

    async def add(self, seconds: Mapping[str, float], most: float) -> Mapping[str, float]:
        now = self._seconds()
        debts = {
            caller: min(max(self._free_at.get(caller, now) - now, 0.0) + added, most)
            for caller, added in seconds.items()
        }
        self._free_at = {caller: at for caller, at in self._free_at.items() if at > now}
        self._free_at |= {caller: now + debt for caller, debt in debts.items()}
        return debts
