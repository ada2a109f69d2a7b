"""The spells of stale data, in dictionaries."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.domain.freshness import (
    FreshnessChecked,
    SpellEnding,
    SpellFilter,
    Stale,
    StaleSpell,
    judged,
)
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import Pipeline


class MemoryStaleSpells:
    """`StaleSpells` in dictionaries."""

    def __init__(self, pipelines: MemoryPipelines) -> None:
        self._pipelines = pipelines
        self._rows: dict[int, StaleSpell] = {}
        self._open: dict[int, int] = {}
        self._ids = count(1)

    async def check(self, now: datetime) -> FreshnessChecked:
        opened, ended = [], []
        for pipeline in self._pipelines.all():
            verdict = judged(pipeline, self._pipelines.type_of(pipeline), now)
            if isinstance(verdict, Stale) and pipeline.id not in self._open:
                opened.append(self._opened(pipeline, verdict, now))
            elif isinstance(verdict, SpellEnding) and pipeline.id in self._open:
                ended.append(self._ended(pipeline, verdict, now))
        return FreshnessChecked(opened, sorted(ended, key=lambda spell: spell.id))

    def _opened(self, pipeline: Pipeline, stale: Stale, now: datetime) -> StaleSpell:
        spell = StaleSpell(
            id=next(self._ids),
            pipeline_id=pipeline.id,
            pipeline_name=pipeline.name,
            detected_at=now,
            last_change=stale.last_change,
            due_at=stale.due_at,
            threshold_number=stale.threshold.span.number,
            threshold_datepart=stale.threshold.span.datepart,
            threshold_own=stale.threshold.own,
        )
        self._rows[spell.id] = spell
        self._open[pipeline.id] = spell.id
        return spell

    def _ended(self, pipeline: Pipeline, ending: SpellEnding, now: datetime) -> StaleSpell:
        spell = self._named(self._rows[self._open.pop(pipeline.id)])
        self._rows[spell.id] = replace(spell, ended_at=max(now, spell.detected_at), ending=ending)
        return self._rows[spell.id]

    def ended_before(self, before: datetime) -> list[int]:
        return [
            spell.id
            for spell in self._rows.values()
            if spell.ended_at is not None and spell.ended_at < before
        ]

    def forget(self, identities: Collection[int]) -> None:
        for identity in identities:
            del self._rows[identity]

    def all(self) -> Sequence[StaleSpell]:
        return list(self._rows.values())

    async def page(self, wanted: SpellFilter, page: Page) -> Slice[StaleSpell]:
        rows = [
            self._named(row)
            for row in reversed(self._rows.values())
            if wanted.admits(row) and (page.after is None or row.id < page.after)
        ]
        return Slice.cut(rows, page.limit)

    def _named(self, spell: StaleSpell) -> StaleSpell:
        return replace(spell, pipeline_name=self._pipelines.known(spell.pipeline_id).name)
