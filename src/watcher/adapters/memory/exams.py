"""What there is to ask where nothing is kept outside of the process."""

from watcher.domain.diagnosis_database import WorkFacts
from watcher.domain.measures import PoolUse


class NoExams:
    """`DatabaseExams` of a store in memory, and `BrokerExams` where there is no broker."""

    def __init__(self, reason: str | None = None) -> None:
        self._reason = reason

    async def examined(self) -> str | None:
        return self._reason

    async def work(self) -> WorkFacts | None:
        """Not known."""
        return None


class NoPools:
    """`Pools` of a store that needs no connections."""

    def use(self) -> PoolUse:
        return PoolUse(0, 0, 0)
