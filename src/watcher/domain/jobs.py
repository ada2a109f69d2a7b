"""Work that is done after the answer: which jobs there are, on what terms, and who is told of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol, TypeAlias


class Job(StrEnum):
    """What can be done in the background. Each is harmless to repeat, and finds its work in the store."""

    MAINTAIN_CLOSURE = "maintain_closure"
    PRUNE_LINEAGE = "prune_lineage"
    CHECK_FRESHNESS = "check_freshness"
    CHECK_TIMELINESS = "check_timeliness"
    REFRESH_DAILY_REPORT = "refresh_daily_report"
    MONITOR_QUEUES = "monitor_queues"
    DETECT_ANOMALIES = "detect_anomalies"
    SEND_ALERTS = "send_alerts"
    CHECK_ERRORS = "check_errors"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a job is to be done.

    `schedule` is the cron expression, in UTC, by which it looks for work that nobody announced. At `soft_seconds` it
    is broken off in order, at `hard_seconds` its process is killed. `retries` follow a failure, and `per_minute`
    bounds how often one worker begins it.
    """

    schedule: str
    soft_seconds: int = 300
    retries: int = 5
    per_minute: int = 6_000

    @property
    def hard_seconds(self) -> int:
        return self.soft_seconds + 30


JOBS: Mapping[Job, Terms] = {
    Job.MAINTAIN_CLOSURE: Terms("* * * * *"),
    Job.PRUNE_LINEAGE: Terms("17 * * * *", soft_seconds=900, per_minute=60),
    Job.CHECK_FRESHNESS: Terms("*/5 * * * *"),
    Job.CHECK_TIMELINESS: Terms("*/5 * * * *"),
    Job.REFRESH_DAILY_REPORT: Terms("*/5 * * * *", soft_seconds=900),
    Job.MONITOR_QUEUES: Terms("* * * * *", soft_seconds=30, retries=1),
    Job.DETECT_ANOMALIES: Terms("* * * * *"),
    Job.SEND_ALERTS: Terms("* * * * *"),
    Job.CHECK_ERRORS: Terms("* * * * *", soft_seconds=30, retries=1),
}
"""The table of all jobs. Each schedule is only the default of the setting `schedule_<job>`."""


class Jobs(Protocol):
    """Who does the work in the background."""

    def announce(self, job: Job, **parameters: int) -> None:
        """Says that there is work, and with what parameters of its own it is to be done.

        Never waits and never fails; a lost announcement is made up by a sweep, which gives no parameters. Equal
        announcements shortly after each other may be done as one, after the last of them.
        """
        ...


class Progress(Enum):
    """Whether a job that was called has all of its work behind it."""

    DONE = "done"
    MORE = "more"


Work: TypeAlias = Callable[..., Awaitable[Progress]]
"""What a job does: one call, with the parameters announced, does a part of it and says whether more is left."""


@dataclass(frozen=True, slots=True)
class Whole:
    """`Work` of a use case that leaves nothing undone, whatever it answers."""

    use_case: Callable[..., Awaitable[object]]

    async def __call__(self, **parameters: int) -> Progress:
        await self.use_case(**parameters)
        return Progress.DONE


@dataclass(frozen=True, slots=True)
class Stepwise:
    """`Work` of a use case that takes up some of what there is, and answers how much: more is left until that is 0."""

    step: Callable[..., Awaitable[int]]

    async def __call__(self, **parameters: int) -> Progress:
        return Progress.MORE if await self.step(**parameters) else Progress.DONE
