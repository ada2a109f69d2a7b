"""Verdicts are the same in memory and in PostgreSQL, on histories of every kind, and samples those of the domain."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

import pytest

from tests.contract.test_histories import world
from tests.contract.twins import OwnLoop
from tests.contract.world import EMPTYING, NOON, World, declaration
from tests.server import execute
from watcher.adapters.postgres.anomaly_judging import _sampled
from watcher.domain.anomaly import AnomalyRule, MetricField, Observation
from watcher.domain.anomaly_incident import AnomalyIncident
from watcher.domain.anomaly_judging import Earlier, History, Look, Run
from watcher.domain.anomaly_results import AnomalyDetectionResult, IncidentFilter, ResultFilter
from watcher.domain.anomaly_rules import AnomalyDetectionRule
from watcher.domain.anomaly_sample import sampled
from watcher.domain.execution import Execution, Outcome, Record, Start
from watcher.domain.executions import Started
from watcher.domain.page import Page
from watcher.settings import MEMORY

SEEDS = range(200 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 10)
LATEST = 40
"""So many runs of a history are judged, the others are only there."""

ALL = Page(10_000)


@dataclass(slots=True)
class Story:
    """The history of two pipelines: records in the order in which they come, and rules by pipeline."""

    random: Random
    records: list[tuple[int, Record]] = field(default_factory=list)
    rules: list[tuple[int, AnomalyRule]] = field(default_factory=list)

    @classmethod
    def told(cls, seed: int) -> "Story":
        story = cls(Random(seed))
        for pipeline in range(2):
            story._runs(pipeline)
            story._rules(pipeline)
        return story

    def _runs(self, pipeline: int) -> None:
        random = self.random
        gap = timedelta(minutes=random.choice([5, 15, 60, 60, 360, 1_440, 10_080]))
        size, missing, zeros = random.randint(1, 10**6), random.choice([0, 0, 0.3]), random.choice([0, 0.1])
        jitter = random.choice([0.0, 0.3])
        for turn in range(random.choice([20, 150, 500])):
            start = NOON - (turn + jitter * random.random()) * gap
            rows = 0 if random.random() < zeros else int(size * random.lognormvariate(0, 0.2))
            outcome = Outcome(
                end_date=start + timedelta(seconds=random.choice([0, 1, 60])),
                completed_successfully=random.random() > 0.1,
                total_rows=None if random.random() < missing else rows,
                inserts=rows if random.random() < 0.9 else None,
            )
            start_of = Start(pipeline_id=pipeline, start_date=start)
            self.records.insert(0, (pipeline, Record(start_of, outcome)))
        if random.random() < 0.3:
            random.shuffle(self.records)

    def _rules(self, pipeline: int) -> None:
        for metric in self.random.sample(list(MetricField), 3):
            rule = AnomalyRule(
                pipeline_id=1,
                metric_field=metric,
                z_threshold=self.random.choice([0.5, 3.0]),
                lookback_days=self.random.choice([1, 7, 30, 365]),
                minimum_executions=self.random.choice([5, 30, 150]),
            )
            self.rules.append((pipeline, rule))


@dataclass(slots=True)
class Telling:
    """A story in one world; ids are told as positions."""

    world: World
    pipelines: list[int] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    async def begin(self, story: Story) -> None:
        declared = [declaration(f"pipeline {number}") for number in range(2)]
        self.pipelines = [each.id for each in await self.world.pipelines.declare(declared, NOON)]
        await self._record(story.records[:-LATEST])
        for pipeline, rule in story.rules:
            known = replace(rule, pipeline_id=self.pipelines[pipeline])
            self.rules.append((await self.world.watcher.declare_anomaly_rule(known)).id)

    async def _record(self, records: Sequence[tuple[int, Record]]) -> None:
        moved = [
            Record(replace(record.start, pipeline_id=self.pipelines[pipeline]), record.outcome)
            for pipeline, record in records
        ]
        for one in moved:
            (verdict,) = await self.world.executions.record([one])
            assert isinstance(verdict, Started)
            self.runs.append(verdict.id)

    async def goes_on(self, story: Story, random: Random) -> None:
        """The latest runs, judged some at a time; now and then a flag is taken back."""
        latest = story.records[-LATEST:]
        while latest:
            count = random.randint(1, 10)
            await self._record(latest[:count])
            latest = latest[count:]
            limit = random.choice([1, 3, 100])
            while (await self.world.watcher.anomaly_results.judge(limit, NOON)).taken:
                pass
            flagged = await self.world.verdicts(flagged=True)
            if flagged and random.random() < 0.5:
                some = flagged[-1]
                await self.world.watcher.unflag_anomaly(
                    some.pipeline_id, some.pipeline_execution_id, list(MetricField)
                )

    async def verdicts(self) -> list[AnomalyDetectionResult]:
        results = self.world.watcher.anomaly_results
        rows = (await results.page(ResultFilter(), ALL)).items
        return [
            replace(
                row,
                id=0,
                pipeline_execution_id=self.runs.index(row.pipeline_execution_id),
                rule_id=self.rules.index(row.rule_id),
                pipeline_id=self.pipelines.index(row.pipeline_id),
            )
            for row in rows
        ]

    async def incidents(self) -> list[AnomalyIncident]:
        rows = (await self.world.watcher.anomaly_results.incidents(IncidentFilter(), ALL)).items
        return [
            replace(
                row,
                id=0,
                rule_id=self.rules.index(row.rule_id),
                pipeline_id=self.pipelines.index(row.pipeline_id),
                first_execution_id=self.runs.index(row.first_execution_id),
                last_execution_id=self.runs.index(row.last_execution_id),
            )
            for row in rows
        ]


@pytest.fixture
def there(loop: OwnLoop, database: str) -> Iterator[World]:
    here = world("postgres", database)
    loop.run(execute(database, *EMPTYING))
    yield here
    loop.run(here.container.database().close())


@pytest.mark.parametrize("seed", SEEDS)
def test_verdicts_and_incidents_are_the_same_in_both_worlds(loop: OwnLoop, there: World, seed: int) -> None:
    async def told() -> None:
        story = Story.told(seed)
        one, other = Telling(world("memory", MEMORY)), Telling(there)
        for each in (one, other):
            await each.begin(story)
            await each.goes_on(story, Random(seed))
        verdicts = await one.verdicts()
        assert len(verdicts) > LATEST // 2
        assert verdicts == await other.verdicts()
        assert await one.incidents() == await other.incidents()

    loop.run(told())


@pytest.mark.parametrize("seed", SEEDS)
def test_samples_are_those_of_the_domain(loop: OwnLoop, there: World, seed: int) -> None:
    async def compared() -> None:
        story = Story.told(seed)
        telling = Telling(there)
        await telling.begin(story)
        for pipeline, rule in story.rules:
            runs = sorted(
                (
                    (record.start.start_date, identity, record)
                    for identity, (which, record) in zip(telling.runs, story.records, strict=False)
                    if which == pipeline and record.outcome.completed_successfully
                ),
                key=lambda each: each[:2],
            )
            for start, identity, _ in story.random.sample(runs, min(5, len(runs))):
                known = AnomalyDetectionRule.declared(1, rule, NOON)
                run = Run(identity, telling.pipelines[pipeline], start, {})
                look = Look.of(run, [known], rule.metric_field)
                async with there.container.database().transaction() as transaction:
                    found = await _sampled(transaction, [look], {1: known})
                read = found.get((look.pipeline_id, rule.metric_field), Earlier())
                history = History.known(read, rule.metric_field, ())
                expected = [
                    Observation(when, value)
                    for when, _, record in runs
                    if (value := _metric(record, rule.metric_field)) is not None
                ]
                sample = sampled(history.runs, start, rule)
                assert sample == sampled(expected, start, rule)
                needed = len(sample.recent) + sum(map(len, sample.earlier))
                assert len(read.ids) <= max(needed + 60 * 8, 152)

    loop.run(compared())


def _metric(record: Record, metric: MetricField) -> float | None:
    value: float | None = getattr(Execution.begun(1, record.start).ended(record.outcome), metric.value)
    return value
