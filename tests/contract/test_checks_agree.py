"""Checks find the same in memory and in PostgreSQL, whatever there is. `HYPOTHESIS_PROFILE=thorough` tries more."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias, cast

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.contract.test_histories import world
from tests.contract.twins import OwnLoop
from tests.contract.world import EMPTYING, World, at, declaration, started
from tests.server import execute
from watcher.domain.execution import Outcome
from watcher.domain.executions import Started
from watcher.domain.freshness import FreshnessChecked, StaleSpell
from watcher.domain.pipeline import PipelineChanges
from watcher.domain.pipeline_type import PipelineTypeChanges
from watcher.domain.span import NUMBER_LIMIT, Datepart
from watcher.domain.timeliness import LateRun, TimelinessChecked
from watcher.settings import MEMORY

DAY = 86_400
TYPES = ("load", "export")
MOST_RUNS = 18
"""Six steps begin three runs each at most."""

HAIRS = [timedelta(microseconds=each) for each in (-1, 0, 0, 1)]

Span: TypeAlias = tuple[int | None, Datepart | None]
Said: TypeAlias = tuple[FreshnessChecked, TimelinessChecked]

moments = st.builds(
    lambda seconds, hair: at(seconds) + hair,
    st.sampled_from([0, 0, 0, 60, 60, 120, 3_600, DAY, 7 * DAY, 31 * DAY, 90 * DAY, 92 * DAY, 365 * DAY]),
    st.sampled_from(HAIRS),
)
spans = st.just((None, None)) | st.tuples(
    st.sampled_from([1, 1, 1, 2, NUMBER_LIMIT]), st.sampled_from([Datepart.MINUTE, *Datepart])
)
seldom = st.sampled_from([False, False, False, True])


@st.composite
def type_changes(draw: st.DrawFn) -> PipelineTypeChanges:
    (fresh, fresh_part), (timely, timely_part) = draw(spans), draw(spans)
    return PipelineTypeChanges(
        freshness_number=fresh,
        freshness_datepart=fresh_part,
        mute_freshness_check=draw(seldom),
        timeliness_number=timely,
        timeliness_datepart=timely_part,
        mute_timeliness_check=draw(seldom),
    )


@st.composite
def changes(draw: st.DrawFn) -> PipelineChanges:
    same = cast("PipelineChanges", draw(type_changes()))
    same |= PipelineChanges(active=not draw(seldom), last_target_insert=draw(st.none() | moments))
    return same | PipelineChanges(last_target_update=draw(st.none() | moments))


@dataclass(frozen=True, slots=True)
class Step:
    """What happens, and then the checks at an instant."""

    now: datetime
    lookback: int
    types: dict[str, PipelineTypeChanges]
    pipelines: dict[int, PipelineChanges]
    starts: list[tuple[int, datetime]]
    ends: dict[int, tuple[datetime, bool]]


steps = st.builds(
    Step,
    now=moments,
    lookback=st.sampled_from([5, 60, 1_440, NUMBER_LIMIT]),
    types=st.dictionaries(st.sampled_from(TYPES), type_changes(), max_size=2),
    pipelines=st.dictionaries(st.integers(0, 3), changes(), max_size=2),
    starts=st.lists(st.tuples(st.integers(0, 3), moments), max_size=3),
    ends=st.dictionaries(st.integers(0, 8), st.tuples(moments, st.booleans()), max_size=3),
)


def all_end(last: Step) -> Step:
    """The runs that still go on end at the instant of the last step, and everything is looked at again."""
    runs = dict.fromkeys(range(MOST_RUNS), (last.now, True))
    return Step(now=last.now, lookback=NUMBER_LIMIT, types={}, pipelines={}, starts=[], ends=runs)


@dataclass(slots=True)
class Story:
    """What happens to four pipelines of two types in one world; ids are told as positions."""

    world: World
    pipelines: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    async def begin(self) -> None:
        declared = [
            declaration(
                f"pipeline {each}",
                pipeline_type_name=TYPES[each % 2],
                timeliness_number=1 if each < 2 else None,
                timeliness_datepart=Datepart.MINUTE if each < 2 else None,
            )
            for each in range(4)
        ]
        self.pipelines = [each.id for each in await self.world.pipelines.declare(declared, at(0))]

    async def goes_on(self, step: Step) -> Said:
        for name, type_change in step.types.items():
            await self.world.pipeline_types.change(name, type_change, at(0))
        for which, change in step.pipelines.items():
            await self.world.pipelines.change(self.pipelines[which], change, at(0))
        for which, begin in step.starts:
            (run,) = await self.world.executions.start(
                [replace(started(self.pipelines[which]), start_date=begin)]
            )
            assert isinstance(run, Started)
            self.runs.append(run.id)
        for which, (end, success) in step.ends.items():
            if self.runs:
                run_id = self.runs[which % len(self.runs)]
                await self.world.end(run_id, Outcome(end_date=end, completed_successfully=success))
        return await self.checked(step)

    async def checked(self, step: Step) -> Said:
        self.world.clock.instant = step.now
        freshness = await self.world.watcher.check_freshness()
        timeliness = await self.world.watcher.check_timeliness(step.lookback)
        return (
            FreshnessChecked(self.spells(freshness.opened), self.spells(freshness.ended)),
            TimelinessChecked(self.late(timeliness.found), self.late(timeliness.ended)),
        )

    async def logs(self) -> tuple[list[StaleSpell], list[LateRun]]:
        spells, runs = await self.world.all_stale_spells(), await self.world.all_late_runs()
        return self.spells(spells), self.late(runs)

    def spells(self, rows: Sequence[StaleSpell]) -> list[StaleSpell]:
        return [replace(row, id=0, pipeline_id=self.pipelines.index(row.pipeline_id)) for row in rows]

    def late(self, rows: Sequence[LateRun]) -> list[LateRun]:
        return [
            replace(
                row,
                id=0,
                pipeline_id=self.pipelines.index(row.pipeline_id),
                pipeline_execution_id=self.runs.index(row.pipeline_execution_id),
            )
            for row in rows
        ]


@pytest.fixture
def there(loop: OwnLoop, database: str) -> Iterator[World]:
    here = world("postgres", database)
    yield here
    loop.run(here.container.database().close())


def test_checks_find_the_same_in_both_worlds(
    loop: OwnLoop, there: World, capsys: pytest.CaptureFixture[str]
) -> None:
    told: Counter[str] = Counter()

    async def told_twice(story: list[Step]) -> None:
        await execute(there.dsn, *EMPTYING)
        one, other = Story(world("memory", MEMORY)), Story(there)
        await one.begin()
        await other.begin()
        for step in [*story, all_end(story[-1])]:
            said = await one.goes_on(step)
            assert said == await other.goes_on(step)
            told.update(opened=len(said[0].opened), over=len(said[0].ended))
            told.update(late=len(said[1].found), ended=len(said[1].ended))
        assert await one.logs() == await other.logs()

    @given(st.lists(steps, min_size=2, max_size=6))
    def same(story: list[Step]) -> None:
        loop.run(told_twice(story))

    same()
    with capsys.disabled():
        sys.stdout.write(f"\nChecks in both worlds: {dict(told)}\n")
    assert min(told.values()) > 0
