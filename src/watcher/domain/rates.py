"""How often a caller may ask: the generic cell rate algorithm of ITU-T I.371, a leaky bucket kept as one number.

That number is the caller's debt: the seconds after which it would be as if the caller had never asked. Each request
adds the interval of the rate to it, time takes it away, and it may not exceed what a burst amounts to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Protocol

EPSILON = 1e-6
"""Seconds by which a debt may be off: it is a difference of floats."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, and `per_second` in the long run."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds that one request costs."""
        return 1 / self.per_second

    @property
    def window(self) -> float:
        """Seconds after which a caller who used up a burst has one again: the largest debt."""
        return self.burst / self.per_second


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands after a request, and whether that was within the rate; whole seconds, rounded up."""

    admitted: bool
    remaining: int
    reset_seconds: int
    retry_after_seconds: int


def admitted(rate: Rate, debt: float) -> bool:
    """Whether one more request is within the rate."""
    return debt + rate.interval <= rate.window + EPSILON


def standing(rate: Rate, debt: float, *, admitted: bool) -> Standing:
    """How a caller with this debt stands, a request that was admitted included."""
    room = max(rate.window - debt, 0.0)
    wait = 0.0 if admitted else max(debt + rate.interval - rate.window, 0.0)
    return Standing(
        admitted=admitted,
        remaining=int((room + EPSILON) / rate.interval),
        reset_seconds=ceil(debt - EPSILON),
        retry_after_seconds=0 if admitted else max(ceil(wait - EPSILON), 1),
    )


class Rates(Protocol):
    """What callers may still ask of this process. Never waits for anything."""

    def take(self, caller: str) -> Standing:
        """Counts a request of the caller where it is within the rate, and says how the caller stands."""
        ...

    def taken(self) -> Mapping[str, float]:
        """The debt that each caller has made here since this was last asked."""
        ...

    def learn(self, debts: Mapping[str, float]) -> None:
        """Puts the debts that all processes know of in the place of those known here, and adds what is not `taken`."""
        ...


class Debts(Protocol):
    """The debts of callers that processes have in common. They shrink by themselves, a second each second."""

    async def add(self, seconds: Mapping[str, float], most: float) -> Mapping[str, float]:
        """Adds to the debt of each of these callers, up to `most`, and answers what it is by now.

        Raises `DebtsUnknown` where the store does not answer in time.
        """
        ...


class DebtsUnknown(Exception):
    """What other processes have admitted cannot be known now. Nobody is refused for that."""
