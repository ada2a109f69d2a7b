"""Work that is done after the answer."""

from enum import StrEnum
from typing import Protocol


class Job(StrEnum):
    """What can be done in the background. Each is harmless to repeat, and finds its work in the store."""

    MAINTAIN_CLOSURE = "maintain_closure"
    PRUNE_LINEAGE = "prune_lineage"


class Jobs(Protocol):
    """Who does the work in the background."""

    def announce(self, job: Job) -> None:
        """Says that there is work. Never waits and never fails; a lost announcement is made up by a sweep."""
        ...
