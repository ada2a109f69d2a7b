"""Anomaly rules: one for each metric of a pipeline, declared again and again, changed, listed."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.world import NOBODY, NOON, World
from watcher.domain.anomaly import AnomalyRule, MetricField
from watcher.domain.anomaly_rules import AnomalyDetectionRule, AnomalyRuleChanges, AnomalyRuleNotFound
from watcher.domain.errors import InvalidValue
from watcher.domain.page import Page
from watcher.domain.pipeline import PipelineNotFound

LATER = NOON + timedelta(hours=1)
ROWS = MetricField.TOTAL_ROWS


async def rules(world: World, pipeline_id: int | None = None) -> list[AnomalyDetectionRule]:
    return list((await world.watcher.anomaly_rules.page(Page(), pipeline_id)).items)


async def test_a_rule_is_created_once_and_then_known(world: World) -> None:
    pipeline_id = await world.pipeline()
    asked = AnomalyRule(pipeline_id=pipeline_id, metric_field=ROWS, z_threshold=2.5, lookback_days=7)
    first = await world.watcher.declare_anomaly_rule(asked)
    world.clock.instant = LATER
    again = await world.watcher.declare_anomaly_rule(asked)
    assert (first.created, again.created, first.id) == (True, False, again.id)
    assert await world.watcher.anomaly_rules.get(first.id) == AnomalyDetectionRule(
        id=first.id, pipeline_id=pipeline_id, metric_field=ROWS, z_threshold=2.5, lookback_days=7,
        minimum_executions=30, active=True, created_at=NOON,
    )  # fmt: skip


async def test_an_unchanged_declaration_leaves_alone_what_was_patched(world: World) -> None:
    asked = AnomalyRule(pipeline_id=await world.pipeline(), metric_field=ROWS)
    rule = (await world.watcher.declare_anomaly_rule(asked)).id
    world.clock.instant = LATER
    changed = await world.watcher.change_anomaly_rule(rule, {"z_threshold": 5.0})
    await world.watcher.declare_anomaly_rule(replace(asked, z_threshold=3))
    assert await rules(world) == [changed]
    assert (changed.z_threshold, changed.updated_at) == (5.0, LATER)


async def test_a_changed_declaration_is_taken_whole(world: World) -> None:
    asked = AnomalyRule(pipeline_id=await world.pipeline(), metric_field=ROWS)
    rule = (await world.watcher.declare_anomaly_rule(asked)).id
    await world.watcher.change_anomaly_rule(rule, {"lookback_days": 10, "active": False})
    world.clock.instant = LATER
    again = await world.watcher.declare_anomaly_rule(replace(asked, minimum_executions=10))
    assert (again.id, again.created) == (rule, False)
    (held,) = await rules(world)
    assert (held.lookback_days, held.minimum_executions, held.active) == (30, 10, True)
    assert (held.created_at, held.updated_at) == (NOON, LATER)


async def test_a_change_that_changes_nothing_writes_nothing(world: World) -> None:
    rule = await world.rule(await world.pipeline())
    world.clock.instant = LATER
    for changes in (AnomalyRuleChanges(), AnomalyRuleChanges(z_threshold=3.0, active=True)):
        assert (await world.watcher.change_anomaly_rule(rule, changes)).updated_at is None
    assert [held.updated_at for held in await rules(world)] == [None]


@pytest.mark.parametrize(
    "changes",
    [
        AnomalyRuleChanges(z_threshold=0.0), AnomalyRuleChanges(z_threshold=10.1),
        AnomalyRuleChanges(lookback_days=0), AnomalyRuleChanges(lookback_days=366),
        AnomalyRuleChanges(minimum_executions=4), AnomalyRuleChanges(minimum_executions=1001),
    ],
)  # fmt: skip
async def test_a_change_stays_within_the_bounds(world: World, changes: AnomalyRuleChanges) -> None:
    rule = await world.rule(await world.pipeline())
    before = await rules(world)
    with pytest.raises(InvalidValue):
        await world.watcher.change_anomaly_rule(rule, changes)
    assert await rules(world) == before


async def test_unknown_pipelines_and_rules_are_said_to_be_so(world: World) -> None:
    with pytest.raises(PipelineNotFound):
        await world.rule(NOBODY)
    with pytest.raises(AnomalyRuleNotFound):
        await world.watcher.anomaly_rules.get(NOBODY)
    with pytest.raises(AnomalyRuleNotFound):
        await world.watcher.change_anomaly_rule(NOBODY, {"active": False})


async def test_rules_are_listed_by_id_in_pages_and_by_pipeline(world: World) -> None:
    one, other = await world.pipeline("one"), await world.pipeline("other")
    ids = [
        await world.rule(pipeline, metric_field=metric)
        for metric in (MetricField.INSERTS, MetricField.UPDATES)
        for pipeline in (one, other)
    ]
    assert [rule.id for rule in await rules(world)] == ids
    assert [rule.id for rule in await rules(world, other)] == ids[1::2]
    assert await rules(world, NOBODY) == []
    page = await world.watcher.anomaly_rules.page(Page(2, ids[0]))
    assert ([rule.id for rule in page.items], page.more) == (ids[1:3], True)
    page = await world.watcher.anomaly_rules.page(Page(2, ids[0]), other)
    assert ([rule.id for rule in page.items], page.more) == (ids[1::2], False)


async def test_of_equal_declarations_at_once_one_creates(world: World) -> None:
    pipeline_id = await world.pipeline()
    asked = [AnomalyRule(pipeline_id=pipeline_id, metric_field=metric) for metric in MetricField] * 4
    answers = await asyncio.gather(*(world.watcher.declare_anomaly_rule(each) for each in asked))
    assert sum(answer.created for answer in answers) == 6
    assert len({answer.id for answer in answers}) == len(await rules(world)) == 6


@pytest.mark.parametrize("auto_anomaly_rules", [(MetricField.TOTAL_ROWS, MetricField.DURATION_SECONDS)])
async def test_new_pipelines_get_the_rules_of_the_settings_once(
    world: World, auto_anomaly_rules: tuple[MetricField, ...]
) -> None:
    pipelines = [await world.pipeline("one"), await world.pipeline("other")]
    world.clock.instant = LATER
    await world.pipeline("one", pipeline_metadata={"a": 1})
    held = await rules(world)
    expected = [(pipeline, metric) for pipeline in pipelines for metric in auto_anomaly_rules]
    assert sorted((rule.pipeline_id, rule.metric_field) for rule in held) == sorted(expected)
    assert {(rule.active, rule.created_at, rule.z_threshold) for rule in held} == {(True, NOON, 3.0)}
    asked = AnomalyRule(pipeline_id=pipelines[0], metric_field=MetricField.TOTAL_ROWS)
    assert not (await world.watcher.declare_anomaly_rule(asked)).created
    assert await rules(world) == held


async def test_new_pipelines_have_no_rules_by_default(world: World) -> None:
    await world.pipeline()
    assert await rules(world) == []
