"""The signs of life of a store in memory."""

from datetime import datetime

from watcher.adapters.memory.late_runs import MemoryLateRuns
from watcher.adapters.memory.ticks import MemoryTicks
from watcher.domain.health import Signs


class MemoryVitals:
    """`Vitals` of a store that is always there."""

    def __init__(self, ticks: MemoryTicks, late_runs: MemoryLateRuns) -> None:
        self._ticks, self._late_runs = ticks, late_runs

    async def read(self, now: datetime) -> Signs:
        return Signs(
            revision="memory",
            ticked_at=self._ticks.latest(now),
            swept_at=await self._late_runs.checked_to(),
        )
