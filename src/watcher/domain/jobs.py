"""Work that is done after the answer."""

from enum import StrEnum
from typing import Protocol


class Job(StrEnum):
    """What can be done in the background. Each is harmless to repeat, and finds its work in the store."""

    MAINTAIN_CLOSURE = "maintain_closure"
    PRUNE_LINEAGE = "prune_lineage"
    CHECK_FRESHNESS = "check_freshness"
    CHECK_TIMELINESS = "check_timeliness"
    REFRESH_DAILY_REPORT = "refresh_daily_report"
    SEND_ALERTS = "send_alerts"


class Jobs(Protocol):
    """Who does the work in the background."""

    def announce(self, job: Job, **parameters: int) -> None:
        """Says that there is work, and with what parameters of its own it is to be done.

        Never waits and never fails; a lost announcement is made up by a sweep, which gives no parameters.
        """
        ...
