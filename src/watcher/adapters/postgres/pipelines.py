"""The pipelines in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction, json_text
from watcher.adapters.postgres.named import by, renamed
from watcher.adapters.postgres.pipeline_types import datepart, ensured
from watcher.adapters.postgres.queries import load
from watcher.domain.anomaly import MetricField
from watcher.domain.anomaly_rules import automatic, declaration_digest
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import (
    Pipeline,
    PipelineChanges,
    PipelineDeclaration,
    PipelineDeclared,
    PipelineNameTaken,
    PipelineNotFound,
)
from watcher.domain.pipeline_type import PipelineTypeNotFound
from watcher.domain.text import Reference, name_key

SQL = load("pipelines")


class PostgresPipelines:
    """`Pipelines` by SQL."""

    def __init__(self, database: Database, auto_rules: Sequence[MetricField] | None = None) -> None:
        """`auto_rules` are the metrics that are watched in each new pipeline."""
        self._database = database
        rules = automatic(0, auto_rules or ())
        self._auto_rules = {
            "rule_metrics": [rule.metric_field.value for rule in rules],
            "rule_declarations": [declaration_digest(rule) for rule in rules],
            "rule_thresholds": [rule.z_threshold for rule in rules],
            "rule_lookbacks": [rule.lookback_days for rule in rules],
            "rule_minimums": [rule.minimum_executions for rule in rules],
        }

    async def declare(
        self, declarations: Sequence[PipelineDeclaration], now: datetime
    ) -> list[PipelineDeclared]:
        rows = await self._database.rows(
            SQL["unchanged"],
            name_keys=[name_key(declaration.name) for declaration in declarations],
            declarations=[declaration.digest() for declaration in declarations],
            next_watermarks=[declaration.next_watermark for declaration in declarations],
        )
        unchanged = {row["position"]: _declared(row, created=False) for row in rows}
        return [
            unchanged.get(position) or await self._declare(declaration, now)
            for position, declaration in enumerate(declarations, start=1)
        ]

    async def _declare(self, declaration: PipelineDeclaration, now: datetime) -> PipelineDeclared:
        known = {
            "name_key": name_key(declaration.name),
            "declaration": declaration.digest(),
            "next_watermark": declaration.next_watermark,
        }
        if declaration.next_watermark is not None:
            carried = await self._database.row(SQL["carry"], **known)
            if carried is not None:
                return _declared(carried, created=False)
        values = {
            **known,
            "name": declaration.name,
            "pipeline_metadata": json_text(declaration.pipeline_metadata),
            "freshness_number": declaration.freshness_number,
            "freshness_datepart": declaration.freshness_datepart,
            "timeliness_number": declaration.timeliness_number,
            "timeliness_datepart": declaration.timeliness_datepart,
            "now": now,
        }
        for _ in range(ATTEMPTS):
            async with self._database.transaction() as transaction:
                type_id = await ensured(transaction, declaration.pipeline_type_name, now)
                created = await transaction.row(
                    SQL["create"], pipeline_type_id=type_id, **values, **self._auto_rules
                )
                if created is not None:
                    return _declared(created, created=True)
                row = await transaction.row(SQL["declare"], pipeline_type_id=type_id, **values)
                row = row or await transaction.row(SQL["named"], name_key=known["name_key"])
                if row is not None:
                    return _declared(row, created=False)
        raise renamed(declaration.name)

    async def change(self, reference: Reference, changes: PipelineChanges, now: datetime) -> Pipeline:
        async with self._database.transaction() as transaction:
            row = await transaction.row(SQL["hold"], **by(reference))
            if row is None:
                raise PipelineNotFound(reference)
            held = _pipeline(row)
            changed = held.changed(changes, now)
            if changed is not held:
                await _write(transaction, changed)
            return changed

    async def get(self, identity: int) -> Pipeline:
        row = await self._database.row(SQL["get"], id=identity)
        if row is None:
            raise PipelineNotFound(identity)
        return _pipeline(row)

    async def page(self, page: Page, name: str | None = None) -> Slice[Pipeline]:
        bounds = {"after": page.after or 0, "limit": page.limit + 1}
        if name is None:
            rows = await self._database.read(SQL["page"], **bounds)
        else:
            rows = await self._database.read(SQL["page_named"], name_key=name_key(name), **bounds)
        return Slice.cut([_pipeline(row) for row in rows], page.limit)


async def _write(transaction: Transaction, changed: Pipeline) -> None:
    try:
        await transaction.rows(
            SQL["change"],
            id=changed.id,
            name=changed.name,
            name_key=changed.key(),
            pipeline_type_id=changed.pipeline_type_id,
            watermark=changed.watermark,
            next_watermark=changed.next_watermark,
            pipeline_metadata=json_text(changed.pipeline_metadata),
            last_target_insert=changed.last_target_insert,
            last_target_update=changed.last_target_update,
            last_target_soft_delete=changed.last_target_soft_delete,
            freshness_number=changed.freshness_number,
            freshness_datepart=changed.freshness_datepart,
            mute_freshness_check=changed.mute_freshness_check,
            timeliness_number=changed.timeliness_number,
            timeliness_datepart=changed.timeliness_datepart,
            mute_timeliness_check=changed.mute_timeliness_check,
            load_lineage=changed.load_lineage,
            active=changed.active,
            updated_at=changed.updated_at,
        )
    except asyncpg.UniqueViolationError:
        raise PipelineNameTaken(changed.name) from None
    except asyncpg.ForeignKeyViolationError:
        raise PipelineTypeNotFound(changed.pipeline_type_id) from None


def _declared(row: asyncpg.Record, *, created: bool) -> PipelineDeclared:
    return PipelineDeclared(row["id"], row["active"], row["load_lineage"], row["watermark"], created)


def _pipeline(row: asyncpg.Record) -> Pipeline:
    values = dict(row)
    values["freshness_datepart"] = datepart(row["freshness_datepart"])
    values["timeliness_datepart"] = datepart(row["timeliness_datepart"])
    return Pipeline(**values)
