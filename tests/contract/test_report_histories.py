"""Any history of runs: the report is what a plain computation says, and cleaning up leaves what it should."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contract.test_histories import lived, world
from tests.contract.twins import OwnLoop
from tests.contract.world import EMPTYING, NOON, World, declaration
from tests.server import execute, fetch
from watcher.domain.execution import End, Execution, Outcome, Record, Start
from watcher.domain.executions import ExecutionFilter, Started
from watcher.domain.page import Page
from watcher.domain.report import DayKey, PipelineDay, ReportFilter
from watcher.domain.retention import Forgotten
from watcher.settings import MEMORY

HOUR = 3_600
NAMES = ("orders", "refunds", "visits")
ages = st.sampled_from([0, 1, 11, 12, 13, 36, 89 * 24, 90 * 24, 90 * 24 + 1, 91 * 24, 200 * 24])
"""Hours before noon at which a run starts."""
lengths = st.sampled_from([0, 1e-6, 0.5, 1, 7, 60, 13 * HOUR, 100 * 24 * HOUR])
turns = st.integers(0, 9)


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[float, Outcome]:
    counts = st.sampled_from([None, 0, 1, 1_000, 2**63 - 1])
    outcome = Outcome(
        end_date=NOON,
        completed_successfully=draw(st.booleans()),
        inserts=draw(counts),
        updates=draw(counts),
        total_rows=draw(counts),
    )
    return draw(lengths), outcome


@dataclass(frozen=True)
class Begun:
    """A run on record in both worlds, as both know it."""

    memory: int
    postgres: int
    start: datetime


class Histories(RuleBasedStateMachine):
    """Everything happens in memory and in PostgreSQL; only the latter is refreshed, at times of its own."""

    def __init__(self, loop: OwnLoop, postgres: World) -> None:
        super().__init__()
        self.loop = loop
        self.worlds = world("memory", MEMORY), postgres
        self.runs: list[Begun] = []
        self.pipelines: list[dict[str, int]] = []
        loop.run(execute(postgres.dsn, *EMPTYING))
        for each in self.worlds:
            each.clock.instant = NOON

    @initialize()
    def pipelines_are_there(self) -> None:
        for each in self.worlds:
            declared = self.loop.run(
                each.pipelines.declare(
                    [declaration(name, pipeline_type_name=name[0]) for name in NAMES], NOON
                )
            )
            self.pipelines.append({name: row.id for name, row in zip(NAMES, declared, strict=True)})

    @rule(name=st.sampled_from(NAMES), age=ages, parent=st.none() | turns)
    def start(self, name: str, age: int, parent: int | None) -> None:
        above = self.runs[-1 - parent % len(self.runs)] if parent is not None and self.runs else None
        start_date = NOON - timedelta(hours=age)
        ids = []
        for each, pipelines in zip(self.worlds, self.pipelines, strict=True):
            start = Start(pipeline_id=pipelines[name], start_date=start_date)
            if above is not None:
                start = replace(start, parent_id=getattr(above, each.store))
            (verdict,) = self.loop.run(each.executions.start([start]))
            assert isinstance(verdict, Started)
            ids.append(verdict.id)
        self.runs.append(Begun(ids[0], ids[1], start_date))

    @rule(name=st.sampled_from(NAMES), ages=st.lists(ages, min_size=1, max_size=4), length=outcomes())
    def backfill(self, name: str, ages: list[int], length: tuple[float, Outcome]) -> None:
        seconds, outcome = length
        ids = []
        starts = [NOON - timedelta(hours=age) for age in ages]
        for each, pipelines in zip(self.worlds, self.pipelines, strict=True):
            records = [
                Record(
                    Start(pipeline_id=pipelines[name], start_date=start),
                    replace(outcome, end_date=start + timedelta(seconds=seconds)),
                )
                for start in starts
            ]
            verdicts = self.loop.run(each.executions.record(records))
            ids.append([verdict.id for verdict in verdicts if isinstance(verdict, Started)])
        self.runs += [Begun(here, there, start) for here, there, start in zip(*ids, starts, strict=True)]

    @rule(turn=turns, length=outcomes())
    def end(self, turn: int, length: tuple[float, Outcome]) -> None:
        if not self.runs:
            return
        run, (seconds, outcome) = self.runs[-1 - turn % len(self.runs)], length
        outcome = replace(outcome, end_date=run.start + timedelta(seconds=seconds))
        for each in self.worlds:
            self.loop.run(each.executions.end([End(getattr(run, each.store), outcome)]))

    @rule()
    def refresh(self) -> None:
        self.loop.run(self.worlds[1].watcher.refresh_daily_report())

    @rule(batch_size=st.integers(1, 5))
    def clean_up(self, batch_size: int) -> None:
        memory, postgres = self.worlds
        before = self.loop.run(_runs(memory))
        old = _old(before, NOON - timedelta(days=90))
        gone = []
        for each, dry_run in ((postgres, True), (memory, True), (memory, False), (postgres, False)):
            gone.append(self.loop.run(each.watcher.clean_up(90, batch_size, dry_run=dry_run)))
        assert gone == [gone[0]] * 4
        pairs = sum(_depth(run, before) for run in before.values() if run.id in old)
        assert gone[0] == Forgotten(
            total_pipeline_executions_deleted=len(old), total_pipeline_execution_closure_parent_deleted=pairs
        )
        self.runs = [run for run in self.runs if run.memory not in old]

    @rule(limit=st.integers(1, 3), name=st.sampled_from([None, *NAMES]))
    def pages(self, limit: int, name: str | None) -> None:
        postgres = self.worlds[1]
        wanted = ReportFilter(pipeline_name=name)
        rows: list[PipelineDay] = []
        more = True
        while more:
            after = rows[-1].key if rows else None
            page = self.loop.run(postgres.watcher.daily_report.page(wanted, limit, after))
            rows, more = [*rows, *page.items], page.more
        expected = self.loop.run(_expected(postgres))
        _check(rows, [row for row in expected if name in (None, row.pipeline_name)])

    @invariant()
    def the_report_is_true(self) -> None:
        for each in self.worlds:
            told = self.loop.run(each.watcher.daily_report.page(ReportFilter(), 10_000))
            _check(told.items, self.loop.run(_expected(each)))

    @invariant()
    def both_have_the_same_runs(self) -> None:
        memory, postgres = (set(self.loop.run(_runs(each))) for each in self.worlds)
        assert memory == {run.memory for run in self.runs}
        assert postgres == {run.postgres for run in self.runs}

    def teardown(self) -> None:
        _, postgres = self.worlds
        runs = self.loop.run(_runs(postgres))
        for run in runs.values():
            below = {each.id for each in self.loop.run(postgres.executions.tree(run.id))}
            assert below == {each.id for each in runs.values() if run.id in _above(each, runs)}
        pairs = self.loop.run(fetch(postgres.dsn, "SELECT count(*) FROM pipeline_execution_closure"))
        assert pairs == [(sum(_depth(run, runs) for run in runs.values()),)]


async def _runs(world: World) -> dict[int, Execution]:
    return {run.id: run for run in (await world.executions.page(ExecutionFilter(), Page(10_000))).items}


def _above(run: Execution, runs: dict[int, Execution]) -> list[int]:
    """The run and its ancestors."""
    found = [run.id]
    while run.parent_id is not None:
        run = runs[run.parent_id]
        found.append(run.id)
    return found


def _depth(run: Execution, runs: dict[int, Execution]) -> int:
    return len(_above(run, runs)) - 1


def _old(runs: dict[int, Execution], before: datetime) -> set[int]:
    """Those of trees whose last end is before the instant."""
    kept = {_above(run, runs)[-1] for run in runs.values() if run.end_date is None or run.end_date >= before}
    return {run.id for run in runs.values() if _above(run, runs)[-1] not in kept}


async def _expected(world: World) -> list[PipelineDay]:
    """The report, computed from the list of runs in exact fractions."""
    names = {pipeline.id: pipeline.name for pipeline in await world.all_pipelines()}
    days: defaultdict[DayKey, list[Execution]] = defaultdict(list)
    for run in (await _runs(world)).values():
        days[DayKey(run.start_date.date(), run.pipeline_id)].append(run)
    keys = sorted(days, key=lambda key: (-key.day.toordinal(), key.pipeline_id))
    return [_computed(key, names[key.pipeline_id], days[key]) for key in keys]


def _computed(key: DayKey, name: str, runs: list[Execution]) -> PipelineDay:
    took = sorted(
        Fraction((run.end_date - run.start_date) // timedelta(microseconds=1), 1_000_000)
        for run in runs
        if run.end_date is not None
    )
    failures = sum(run.completed_successfully is False for run in runs)
    timed = [run for run in runs if run.throughput is not None]
    timed_seconds = sum(
        Fraction((run.end_date - run.start_date) // timedelta(microseconds=1), 1_000_000)
        for run in timed
        if run.end_date is not None
    )
    timed_rows = sum(run.total_rows or 0 for run in timed)
    p95 = None
    if took:
        place = Fraction(95, 100) * (len(took) - 1)
        low, high = took[int(place)], took[min(int(place) + 1, len(took) - 1)]
        p95 = low + (place - int(place)) * (high - low)
    return PipelineDay(
        day=key.day,
        pipeline_id=key.pipeline_id,
        pipeline_name=name,
        pipeline_type_name=name[0],
        executions=len(runs),
        running=len(runs) - len(took),
        failures=failures,
        error_percentage=_rounded(Fraction(100 * failures, len(took)), 2) if took else None,
        inserts=min(sum(run.inserts or 0 for run in runs), 2**63 - 1),
        updates=min(sum(run.updates or 0 for run in runs), 2**63 - 1),
        soft_deletes=0,
        total_rows=min(sum(run.total_rows or 0 for run in runs), 2**63 - 1),
        mean_duration_seconds=_rounded(sum(took, Fraction()) / len(took), 6) if took else None,
        p95_duration_seconds=None if p95 is None else float(p95),
        throughput=_rounded(Fraction(timed_rows) / timed_seconds, 4) if timed else None,
    )


def _check(told: Sequence[PipelineDay], expected: Sequence[PipelineDay]) -> None:
    """Equal; percentiles as far as floats go."""
    assert [replace(row, p95_duration_seconds=None) for row in told] == [
        replace(row, p95_duration_seconds=None) for row in expected
    ]
    for row, exact in zip(told, expected, strict=True):
        p95, percentile = row.p95_duration_seconds, exact.p95_duration_seconds
        assert (p95 is None) is (percentile is None)
        assert percentile is None or p95 == pytest.approx(percentile, abs=0.000_001, rel=1e-12)


def _rounded(value: Fraction, decimals: int) -> float:
    """Half up."""
    scaled = value * 10**decimals + Fraction(1, 2)
    return float(Fraction(scaled.numerator // scaled.denominator, 10**decimals))


def test_the_report_is_true_and_cleaning_up_divides_no_tree(loop: OwnLoop, fresh_database: str) -> None:
    lived(Histories, loop, fresh_database, steps=30)
