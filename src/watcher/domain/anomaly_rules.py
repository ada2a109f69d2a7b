"""Anomaly rules on record: one for each metric of a pipeline that is watched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypedDict

from watcher.domain.anomaly import AnomalyRule, MetricField
from watcher.domain.clock import Clock
from watcher.domain.document import canonical, digest
from watcher.domain.errors import NotFound
from watcher.domain.page import Page, Slice


@dataclass(unsafe_hash=True)
class AnomalyRuleNotFound(NotFound):
    id: int

    def __str__(self) -> str:
        return f"There is no anomaly detection rule {self.id}."


class AnomalyRuleChanges(TypedDict, total=False):
    """The fields a change names, and only those. What a rule watches never changes."""

    z_threshold: float
    lookback_days: int
    minimum_executions: int
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyDetectionRule:
    """A rule on record."""

    id: int
    pipeline_id: int
    metric_field: MetricField
    z_threshold: float
    lookback_days: int
    minimum_executions: int
    active: bool
    created_at: datetime
    updated_at: datetime | None = None

    @classmethod
    def declared(cls, identity: int, rule: AnomalyRule, created_at: datetime) -> "AnomalyDetectionRule":
        return cls(
            id=identity,
            pipeline_id=rule.pipeline_id,
            metric_field=rule.metric_field,
            z_threshold=rule.z_threshold,
            lookback_days=rule.lookback_days,
            minimum_executions=rule.minimum_executions,
            active=rule.active,
            created_at=created_at,
        )

    def rule(self) -> AnomalyRule:
        """What it asks of a run. Raises `InvalidValue` beyond the bounds."""
        return AnomalyRule(
            pipeline_id=self.pipeline_id,
            metric_field=self.metric_field,
            z_threshold=self.z_threshold,
            lookback_days=self.lookback_days,
            minimum_executions=self.minimum_executions,
            active=self.active,
        )

    def changed(self, changes: AnomalyRuleChanges, now: datetime) -> "AnomalyDetectionRule":
        """The rule after the change; itself when the change changes nothing. Raises `InvalidValue`."""
        changed = replace(self, **changes)
        changed.rule()
        return self if changed == self else replace(changed, updated_at=now)


def declaration_digest(rule: AnomalyRule) -> bytes:
    """Tells one declared content from another; what it watches takes no part in it."""
    content = [float(rule.z_threshold), rule.lookback_days, rule.minimum_executions, rule.active]
    return digest(canonical("rule", {"rule": content}))


def automatic(pipeline_id: int, metric_fields: Sequence[MetricField]) -> list[AnomalyRule]:
    """The rules that a new pipeline gets by itself."""
    return [AnomalyRule(pipeline_id=pipeline_id, metric_field=metric) for metric in metric_fields]


@dataclass(frozen=True, slots=True)
class AnomalyRuleDeclared:
    """The answer to a declaration."""

    id: int
    created: bool


class AnomalyRules(Protocol):
    """The rules on record. Every method is one transaction.

    A rule that is no longer active after a method has no open incident after it, see `AnomalyIncident`.
    """

    async def declare(self, rule: AnomalyRule, now: datetime) -> AnomalyRuleDeclared:
        """Gets or creates the rule for that metric of that pipeline, once under any concurrency.

        A rule whose last declaration had the same content is left untouched; any other takes the declared
        content, and `now` as its `updated_at`. Raises `PipelineNotFound`.
        """
        ...

    async def change(self, identity: int, changes: AnomalyRuleChanges, now: datetime) -> AnomalyDetectionRule:
        """Applies `AnomalyDetectionRule.changed`. Raises `AnomalyRuleNotFound`, `InvalidValue`."""
        ...

    async def get(self, identity: int) -> AnomalyDetectionRule:
        """Raises `AnomalyRuleNotFound`."""
        ...

    async def page(self, page: Page, pipeline_id: int | None = None) -> Slice[AnomalyDetectionRule]:
        """By ascending id."""
        ...


@dataclass(frozen=True, slots=True)
class DeclareAnomalyRule:
    """Gets or creates one rule."""

    anomaly_rules: AnomalyRules
    clock: Clock

    async def __call__(self, rule: AnomalyRule) -> AnomalyRuleDeclared:
        return await self.anomaly_rules.declare(rule, self.clock.now())


@dataclass(frozen=True, slots=True)
class ChangeAnomalyRule:
    """Changes the named fields of one rule."""

    anomaly_rules: AnomalyRules
    clock: Clock

    async def __call__(self, identity: int, changes: AnomalyRuleChanges) -> AnomalyDetectionRule:
        return await self.anomaly_rules.change(identity, changes, self.clock.now())
