"""The anomaly rules in PostgreSQL."""

from dataclasses import replace
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import Database, Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.anomaly import AnomalyRule, MetricField
from watcher.domain.anomaly_rules import (
    AnomalyDetectionRule,
    AnomalyRuleChanges,
    AnomalyRuleDeclared,
    AnomalyRuleNotFound,
    declaration_digest,
)
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import PipelineNotFound

SQL = load("anomaly_rules")


class PostgresAnomalyRules:
    """`AnomalyRules` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, rule: AnomalyRule, now: datetime) -> AnomalyRuleDeclared:
        values = {
            "pipeline_id": rule.pipeline_id,
            "metric_field": rule.metric_field.value,
            "declaration": declaration_digest(rule),
            "z_threshold": rule.z_threshold,
            "lookback_days": rule.lookback_days,
            "minimum_executions": rule.minimum_executions,
            "active": rule.active,
            "now": now,
        }
        known = await self._database.row(SQL["declared"], **values)
        if known is not None:
            return AnomalyRuleDeclared(known["id"], created=False)
        async with self._database.transaction() as transaction:
            created = await transaction.row(SQL["create"], **values)
            if created is not None:
                return AnomalyRuleDeclared(created["id"], created=True)
            held = await _held(transaction, rule.pipeline_id)
            mine = next((each for each in held if each.metric_field is rule.metric_field), None)
            if mine is None:
                raise PipelineNotFound(rule.pipeline_id)
            known = await transaction.row(SQL["declared"], **values)
            if known is None:
                declared = AnomalyDetectionRule.declared(mine.id, rule, mine.created_at)
                await _write(transaction, replace(declared, updated_at=now), now, declaration_digest(rule))
            return AnomalyRuleDeclared(mine.id, created=False)

    async def change(self, identity: int, changes: AnomalyRuleChanges, now: datetime) -> AnomalyDetectionRule:
        pipeline_id = (await self.get(identity)).pipeline_id
        async with self._database.transaction() as transaction:
            held = {rule.id: rule for rule in await _held(transaction, pipeline_id)}
            changed = held[identity].changed(changes, now)
            if changed is not held[identity]:
                await _write(transaction, changed, now)
            return changed

    async def get(self, identity: int) -> AnomalyDetectionRule:
        row = await self._database.row(SQL["get"], id=identity)
        if row is None:
            raise AnomalyRuleNotFound(identity)
        return rule_of(row)

    async def page(self, page: Page, pipeline_id: int | None = None) -> Slice[AnomalyDetectionRule]:
        query = SQL["page" if pipeline_id is None else "page_of_pipeline"]
        rows = await self._database.read(
            query, pipeline_id=pipeline_id, after=page.after or 0, limit=page.limit + 1
        )
        return Slice.cut([rule_of(row) for row in rows], page.limit)


async def _held(transaction: Transaction, pipeline_id: int) -> list[AnomalyDetectionRule]:
    return [rule_of(row) for row in await transaction.rows(SQL["hold"], pipeline_id=pipeline_id)]


async def _write(
    transaction: Transaction, rule: AnomalyDetectionRule, now: datetime, declaration: bytes | None = None
) -> None:
    await transaction.rows(
        SQL["change"],
        id=rule.id,
        declaration=declaration,
        z_threshold=rule.z_threshold,
        lookback_days=rule.lookback_days,
        minimum_executions=rule.minimum_executions,
        active=rule.active,
        updated_at=rule.updated_at,
    )
    if not rule.active:
        await transaction.rows(SQL["deactivated"], id=rule.id, now=now)


def rule_of(row: asyncpg.Record) -> AnomalyDetectionRule:
    """The rule of a row that has the columns of one."""
    values = dict(row)
    values["metric_field"] = MetricField(row["metric_field"])
    return AnomalyDetectionRule(**values)
