"""What a process knows of something that lives elsewhere, kept young by itself and by whoever asks for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

from watcher.domain.errors import Unavailable, WatcherError

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Terms:
    """Ages in seconds, counted from the beginning of the load."""

    fresh: float
    """Beyond it another load begins, set off by `keep` or by who asks."""
    stale: float
    """Beyond it who asks waits for that, while the source is well."""
    kept: float
    """Beyond it nothing is answered any more."""
    pause: float
    """Between the beginnings of two loads, at least."""
    patience: float
    """So long a source may take before it is taken for ill, and what is kept is answered."""


@dataclass(unsafe_hash=True)
class SourceUnavailable(Unavailable):
    what: str

    def __str__(self) -> str:
        return f"{self.what} cannot be read now."


class Refreshed(Generic[T]):
    """The last value of `load`, which raises a `WatcherError` when there is none to be had."""

    def __init__(
        self,
        what: str,
        load: Callable[[], Awaitable[T]],
        terms: Terms,
        seconds: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._what, self._load, self._terms, self._seconds, self._sleep = what, load, terms, seconds, sleep
        self._value: T | None = None
        self._since = self._begun = self._asked = -inf
        self._task: asyncio.Task[None] | None = None
        self._ill = self._failed = self._broken = False

    def at_hand(self) -> T | None:
        """The value, where there is one that may be answered without waiting."""
        self._asked = self._seconds()
        age = self._asked - self._since
        if age > self._terms.fresh:
            self._refresh()
        return self._value if age <= (self._terms.kept if self._ill else self._terms.stale) else None

    async def renewed(self) -> T:
        """The value after a load that began not longer ago than the pause. Raises `SourceUnavailable`."""
        self._asked = self._seconds()
        self._refresh()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._terms.patience if self._is_kept() else None)
            if not self._task.done():
                self._fell_ill("it takes too long")
        if self._value is None or not self._is_kept():
            raise SourceUnavailable(self._what)
        return self._value

    async def keep(self, wanted: float = inf) -> None:
        """Loads whenever what is known is no longer fresh, without end: who asks need not wait for it.

        Unless nobody asked for the seconds `wanted`; then it waits for somebody.
        """
        while True:
            if self._rest() <= 0 and (wanted == inf or self._seconds() - self._asked <= wanted):
                self._refresh()
                await self._outlived()
            rest = self._rest()
            await self._sleep(rest if rest > 0 else self._terms.pause)

    def _rest(self) -> float:
        """In how many seconds another load is due."""
        return self._begun + self._terms.fresh - self._seconds()

    async def _outlived(self) -> None:
        """Waits for the load under way. When that outlasts what is known, its source is ill."""
        if self._task is None:
            return
        left = max(self._since + self._terms.stale - self._seconds(), self._terms.patience)
        await asyncio.wait({self._task}, timeout=left if self._is_kept() else None)
        if not self._task.done():
            self._fell_ill("it takes too long")

    def require_latest(self) -> None:
        """Raises `SourceUnavailable` where the last load failed: what is not known may be there by now."""
        if self._failed:
            raise SourceUnavailable(self._what)

    async def close(self) -> None:
        """Breaks off what is being loaded."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _is_kept(self) -> bool:
        return self._seconds() - self._since <= self._terms.kept

    def _refresh(self) -> None:
        now = self._seconds()
        if (self._task is None or self._task.done()) and now - self._begun >= self._terms.pause:
            self._begun = now
            self._task = asyncio.create_task(self._loaded(now))

    async def _loaded(self, begun: float) -> None:
        try:
            self._value = await self._load()
        except WatcherError as error:
            self._fell_ill(str(error))
        except Exception:
            if not self._broken:
                log.exception("%s could not be read", self._what)
            self._failed = self._broken = True
        else:
            self._since = begun
            if self._ill or self._broken:
                log.warning("%s can be read again.", self._what)  # beside the other line, whatever is logged
            self._ill = self._failed = self._broken = False

    def _fell_ill(self, reason: str) -> None:
        if not self._ill:
            log.warning(
                "%s cannot be read: those known are good for %.0f s more at most. %s",
                self._what,
                max(0.0, self._since + self._terms.kept - self._seconds()),
                reason,
            )
        self._ill = self._failed = True
