"""The anomaly rules, in dictionaries."""

from dataclasses import replace
from datetime import datetime

from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.adapters.memory.watching import Watching
from watcher.domain.anomaly import AnomalyRule
from watcher.domain.anomaly_rules import (
    AnomalyDetectionRule,
    AnomalyRuleChanges,
    AnomalyRuleDeclared,
    AnomalyRuleNotFound,
    declaration_digest,
)
from watcher.domain.page import Page, Slice


class MemoryAnomalyRules:
    """`AnomalyRules` in dictionaries."""

    def __init__(self, watching: Watching, pipelines: MemoryPipelines) -> None:
        self._watching, self._pipelines = watching, pipelines

    async def declare(self, rule: AnomalyRule, now: datetime) -> AnomalyRuleDeclared:
        self._pipelines.known(rule.pipeline_id)
        held = next((each for each in self._watching.rules.values() if _same(each, rule)), None)
        if held is None:
            return AnomalyRuleDeclared(self._watching.add(rule, now), created=True)
        digest = declaration_digest(rule)
        if self._watching.declarations[held.id] != digest:
            self._watching.declarations[held.id] = digest
            declared = AnomalyDetectionRule.declared(held.id, rule, held.created_at)
            self._watching.put(replace(declared, updated_at=now), now)
        return AnomalyRuleDeclared(held.id, created=False)

    async def change(self, identity: int, changes: AnomalyRuleChanges, now: datetime) -> AnomalyDetectionRule:
        changed = (await self.get(identity)).changed(changes, now)
        self._watching.put(changed, now)
        return changed

    async def get(self, identity: int) -> AnomalyDetectionRule:
        if identity not in self._watching.rules:
            raise AnomalyRuleNotFound(identity)
        return self._watching.rules[identity]

    async def page(self, page: Page, pipeline_id: int | None = None) -> Slice[AnomalyDetectionRule]:
        rows = [
            rule
            for rule in self._watching.rules.values()
            if pipeline_id in (None, rule.pipeline_id) and (page.after is None or rule.id > page.after)
        ]
        return Slice.cut(rows, page.limit)


def _same(held: AnomalyDetectionRule, rule: AnomalyRule) -> bool:
    return (held.pipeline_id, held.metric_field) == (rule.pipeline_id, rule.metric_field)
