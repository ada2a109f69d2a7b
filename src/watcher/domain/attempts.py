"""How often a message of the bus was begun and not brought to an end: what kills its process must not for ever."""

from datetime import datetime, timedelta
from typing import Protocol

from watcher.domain.jobs import Job

DELIVERIES = 3
"""So many times a message may be begun without its process living to see an end, beside the retries it asked for."""

KEPT = timedelta(days=7)
"""How long an attempt is remembered of which nothing was heard any more."""


class Attempts(Protocol):
    """The messages that are being worked on. Every method is one transaction."""

    async def begun(self, message: str, job: Job, now: datetime) -> int:
        """Counts one more attempt at the message; how many that makes. Forgets those older than `KEPT`."""
        ...

    async def ended(self, message: str) -> None:
        """Forgets the message: whatever became of it, it will not come again."""
        ...


def given_up(attempts: int, retries: int) -> bool:
    """Whether a message that asked for so many retries was begun too often."""
    return attempts > DELIVERIES + retries
