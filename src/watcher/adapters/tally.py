"""What a process counts of what goes wrong, and when it writes that down."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import uuid4

from watcher.beside import beside
from watcher.domain.clock import Clock
from watcher.domain.error_rates import KEPT, ErrorRates, Slot, Source
from watcher.domain.errors import Unavailable
from watcher.domain.jobs import Job, Jobs

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
LAST_SECONDS = 2.0
"""What was counted last is written down at the end, if that can be done soon."""


class Tally:
    """`Tallies` of this process since they were last taken."""

    def __init__(self) -> None:
        self._counts = {source: [0, 0] for source in Source}

    def count(self, source: Source, *, failed: bool) -> None:
        counts = self._counts[source]
        counts[0] += 1
        if failed:
            counts[1] += 1

    def taken(self, since: datetime) -> list[Slot]:
        """What was counted; from now on it is counted anew."""
        counts, self._counts = self._counts, {source: [0, 0] for source in Source}
        return [Slot(source, since, total, failed) for source, (total, failed) in counts.items() if total]


class TallyKeeper:
    """Writes a tally down in `ErrorRates`, but only where something failed within the window.

    Then the whole window is written down, for what succeeded makes the share. Without failures the counts of the window
    stay here, and nothing is sent. What cannot be written is tried again, as long as it is within the window.
    """

    def __init__(
        self, tally: Tally, error_rates: ErrorRates, jobs: Jobs, clock: Clock, *, window: timedelta
    ) -> None:
        self._tally, self._error_rates, self._jobs, self._clock = tally, error_rates, jobs, clock
        self._window = window
        self._process = uuid4().hex
        self._since = clock.now()
        self._slots: list[Slot] = []
        self._kept: set[Slot] = set()

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """For the length of the block, and once more at its end, what is to be written down is."""
        try:
            async with beside(self._flush_on()):
                yield
        finally:
            try:
                async with asyncio.timeout(LAST_SECONDS):
                    await self.flush()
            except (Unavailable, TimeoutError) as error:
                log.info("What went wrong last is not counted: %s", error or "no time")

    async def flush(self) -> None:
        """Raises `StoreUnavailable`; nothing is lost by that."""
        now = self._clock.now()
        counted = self._tally.taken(self._since)
        # Slots are told apart by when they began, also by a clock that stands still.
        self._since = now if now != self._since else now + timedelta(microseconds=1)
        self._slots = [slot for slot in (*self._slots, *counted) if slot.began_at >= now - self._window]
        self._kept.intersection_update(self._slots)
        if any(slot.failed for slot in self._slots):
            await self._write([slot for slot in self._slots if slot not in self._kept])

    async def _write(self, slots: list[Slot]) -> None:
        if not slots:
            return
        await self._error_rates.add(self._process, slots, self._clock.now() - KEPT)
        self._kept.update(slots)
        if any(slot.failed for slot in slots):
            self._jobs.announce(Job.CHECK_ERRORS)

    async def _flush_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except Unavailable as error:
                log.info("What went wrong is counted later: %s", error)
            except Exception:
                log.exception("What went wrong is not counted")
