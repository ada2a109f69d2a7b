"""Freshness: a pipeline whose target stays unchanged for longer than its threshold is stale.

A spell of being stale is what checks saw: it begins with the check that found the pipeline stale, and ends with the
first one that did not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from watcher.domain.clock import Clock
from watcher.domain.jobs import Job, Jobs
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import Pipeline
from watcher.domain.pipeline_type import PipelineType
from watcher.domain.span import Datepart
from watcher.domain.threshold import Threshold, freshness_threshold


class SpellEnding(StrEnum):
    """Why a pipeline is not, or no longer, counted as stale."""

    RECOVERED = "recovered"
    INACTIVE = "inactive"
    MUTED = "muted"
    WITHOUT_THRESHOLD = "without threshold"


@dataclass(frozen=True, slots=True)
class Stale:
    """Why a pipeline is stale: it was to change until `due_at`. `last_change` is None where it never wrote."""

    last_change: datetime | None
    due_at: datetime
    threshold: Threshold


def judged(pipeline: Pipeline, pipeline_type: PipelineType, now: datetime) -> Stale | SpellEnding:
    """Whether the pipeline is stale, or else why not. Who never wrote was to write since its creation."""
    if not pipeline.active:
        return SpellEnding.INACTIVE
    if pipeline.mute_freshness_check or pipeline_type.mute_freshness_check:
        return SpellEnding.MUTED
    threshold = freshness_threshold(pipeline, pipeline_type)
    if threshold is None:
        return SpellEnding.WITHOUT_THRESHOLD
    last_change = last_target_change(pipeline)
    due_at = threshold.span.after(pipeline.created_at if last_change is None else last_change)
    if due_at is None or due_at >= now:
        return SpellEnding.RECOVERED
    return Stale(last_change, due_at, threshold)


def last_target_change(pipeline: Pipeline) -> datetime | None:
    """When the pipeline last wrote anything to its target."""
    changes = (pipeline.last_target_insert, pipeline.last_target_update, pipeline.last_target_soft_delete)
    return max((change for change in changes if change is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleSpell:
    """A spell on record, with the facts as they were when it was detected. `ended_at` is None while it lasts."""

    id: int
    pipeline_id: int
    pipeline_name: str
    detected_at: datetime
    last_change: datetime | None
    due_at: datetime
    threshold_number: int
    threshold_datepart: Datepart
    threshold_own: bool
    ended_at: datetime | None = None
    ending: SpellEnding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpellFilter:
    """Those that meet every given condition. `open` ones last."""

    pipeline_id: int | None = None
    open: bool | None = None

    def admits(self, spell: StaleSpell) -> bool:
        return self.pipeline_id in (None, spell.pipeline_id) and self.open in (None, spell.ended_at is None)


@dataclass(frozen=True, slots=True)
class FreshnessChecked:
    """What one check changed: the spells it opened, and those it ended; each in the order of their ids."""

    opened: Sequence[StaleSpell]
    ended: Sequence[StaleSpell]


class StaleSpells(Protocol):
    """The spells on record. Every method is one transaction."""

    async def check(self, now: datetime) -> FreshnessChecked:
        """Opens a spell for each pipeline that is stale by the rule `judged` and has none; ends those of the others.

        Of checks at the same time one opens or ends a spell, and only that one says so. One statement for any
        number of pipelines.
        """
        ...

    async def page(self, wanted: SpellFilter, page: Page) -> Slice[StaleSpell]:
        """Newest first, by descending id."""
        ...


@dataclass(frozen=True, slots=True)
class CheckFreshness:
    """The job that looks for stale data, and announces what it found. Harmless to repeat and to run anywhere at once."""

    stale_spells: StaleSpells
    jobs: Jobs
    clock: Clock

    async def __call__(self) -> FreshnessChecked:
        checked = await self.stale_spells.check(self.clock.now())
        if checked.opened or checked.ended:
            self.jobs.announce(Job.SEND_ALERTS)
        return checked
