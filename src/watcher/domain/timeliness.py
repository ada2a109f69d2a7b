"""Timeliness: a run that takes longer than its pipeline's threshold is late, whether it still runs or has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from watcher.domain.clock import FIRST, Clock
from watcher.domain.errors import InvalidValue
from watcher.domain.execution import Execution
from watcher.domain.jobs import Job, Jobs
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import Pipeline
from watcher.domain.pipeline_type import PipelineType
from watcher.domain.span import NUMBER_LIMIT, Datepart
from watcher.domain.threshold import Threshold, timeliness_threshold

LOOKBACK_DEFAULT = 60
LOOKBACK_LEAST = 5
LOOKBACK_LIMIT = NUMBER_LIMIT

OVERLAP = timedelta(minutes=LOOKBACK_DEFAULT)
"""So far a sweep goes back before the last one: ends are reported with delay."""

SWEEP_LIMIT = timedelta(days=31)
"""A sweep goes back no further, however long nobody checked: what it costs must not keep it from ending."""


@dataclass(frozen=True, slots=True)
class Late:
    """Why a run is late: it was to end by `due_at`."""

    due_at: datetime
    threshold: Threshold


def judged(
    execution: Execution, pipeline: Pipeline, pipeline_type: PipelineType, now: datetime
) -> Late | None:
    """Whether the run took longer than it may, or does so by now. Who is inactive or muted is not judged."""
    muted = pipeline.mute_timeliness_check or pipeline_type.mute_timeliness_check
    threshold = timeliness_threshold(pipeline, pipeline_type)
    if not pipeline.active or muted or threshold is None:
        return None
    due_at = threshold.span.after(execution.start_date)
    if due_at is None or due_at >= (execution.end_date or now):
        return None
    return Late(due_at, threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRun:
    """A late run on record, with the facts as they were when it was detected.

    `end_date` is None while it runs, as far as checks know.
    """

    id: int
    pipeline_execution_id: int
    pipeline_id: int
    pipeline_name: str
    start_date: datetime
    due_at: datetime
    detected_at: datetime
    threshold_number: int
    threshold_datepart: Datepart
    threshold_own: bool
    end_date: datetime | None = None
    completed_successfully: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateRunFilter:
    """Those that meet every given condition. `open` ones still run."""

    pipeline_id: int | None = None
    open: bool | None = None

    def admits(self, run: LateRun) -> bool:
        return self.pipeline_id in (None, run.pipeline_id) and self.open in (None, run.end_date is None)


@dataclass(frozen=True, slots=True)
class TimelinessChecked:
    """What one check changed: the late runs it found, and those known as running of which it learned the end."""

    found: Sequence[LateRun]
    ended: Sequence[LateRun]


class LateRuns(Protocol):
    """The late runs on record, each once. Every method is one transaction."""

    async def check(self, now: datetime, since: datetime) -> TimelinessChecked:
        """Records the runs that are late by the rule `judged`, and the ends of those on record as running.

        Judges all that still run, however long ago they started, and those that ended at `since` or later. Of
        checks at the same time one records a run or its end, and only that one says so. One statement, which
        reads only what can be late.
        """
        ...

    async def checked_to(self) -> datetime | None:
        """The instant of the last sweep that was completed, if any was."""
        ...

    async def note_checked(self, to: datetime) -> None:
        """Says that a sweep of this instant was completed. The last one to say so is right."""
        ...

    async def page(self, wanted: LateRunFilter, page: Page) -> Slice[LateRun]:
        """Newest first, by descending id."""
        ...


@dataclass(frozen=True, slots=True)
class CheckTimeliness:
    """The job that looks for late runs, and announces what it found. Harmless to repeat and to run anywhere at once."""

    late_runs: LateRuns
    jobs: Jobs
    clock: Clock

    async def __call__(self, lookback_minutes: int | None = None) -> TimelinessChecked:
        """`lookback_minutes` bounds how long ago a run that is over may have ended. Raises `InvalidValue`.

        Without it this is a sweep, which goes back to `OVERLAP` before the last one that was completed.
        """
        now = self.clock.now()
        if lookback_minutes is None:
            checked = await self._check(now, await self._unchecked(now))
            await self.late_runs.note_checked(now)
            return checked
        if not LOOKBACK_LEAST <= lookback_minutes <= LOOKBACK_LIMIT:
            raise InvalidValue("lookback_minutes", f"must be between {LOOKBACK_LEAST} and {LOOKBACK_LIMIT:,}")
        return await self._check(now, timedelta(minutes=lookback_minutes))

    async def _unchecked(self, now: datetime) -> timedelta:
        """How far a sweep goes back. Of an instant to come, which a wrong clock noted, nothing follows."""
        last = await self.late_runs.checked_to()
        return OVERLAP if last is None else min(max(now - last, timedelta()) + OVERLAP, SWEEP_LIMIT)

    async def _check(self, now: datetime, lookback: timedelta) -> TimelinessChecked:
        since = now - min(lookback, now - FIRST)
        checked = await self.late_runs.check(now, since)
        if checked.found or checked.ended:
            self.jobs.announce(Job.SEND_ALERTS)
        return checked
