"""The messages that are being worked on, in a dictionary."""

from datetime import datetime

from watcher.domain.attempts import KEPT
from watcher.domain.jobs import Job


class MemoryAttempts:
    """`Attempts` in a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, datetime]] = {}

    async def begun(self, message: str, job: Job, now: datetime) -> int:  # noqa: ARG002 (only PostgreSQL keeps it)
        for each, (_, since) in list(self._rows.items()):
            if each != message and since < now - KEPT:
                del self._rows[each]
        attempts = self._rows.get(message, (0, now))[0] + 1
        self._rows[message] = attempts, now
        return attempts

    async def ended(self, message: str) -> None:
        self._rows.pop(message, None)
