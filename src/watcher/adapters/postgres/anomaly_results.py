"""The verdicts in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.anomaly_incidents import incident_of
from watcher.adapters.postgres.anomaly_judging import judge
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import Query, load
from watcher.domain.anomaly import Bucket, MetricField, Standing
from watcher.domain.anomaly_incident import AnomalyIncident
from watcher.domain.anomaly_results import (
    AnomaliesJudged,
    AnomalyDetectionResult,
    IncidentFilter,
    ResultFilter,
)
from watcher.domain.page import Page, Slice

SQL = load("anomaly_results")


class PostgresAnomalyResults:
    """`AnomalyResults` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def judge(self, limit: int, now: datetime) -> AnomaliesJudged:
        async with self._database.transaction() as transaction:
            return await judge(transaction, limit, now)

    async def unflag(
        self,
        pipeline_id: int,
        pipeline_execution_id: int,
        metric_fields: Sequence[MetricField],
        now: datetime,
    ) -> int:
        async with self._database.transaction() as transaction:
            await transaction.rows(SQL["hold_pipeline"], pipeline_id=pipeline_id)
            rows = await transaction.rows(
                SQL["unflag"],
                pipeline_id=pipeline_id,
                pipeline_execution_id=pipeline_execution_id,
                metric_fields=[metric.value for metric in metric_fields],
                now=now,
            )
            if rows:
                await transaction.rows(SQL["shrink"], ids=[row["incident_id"] for row in rows], now=now)
            return len(rows)

    async def page(self, wanted: ResultFilter, page: Page) -> Slice[AnomalyDetectionResult]:
        rows = await self._database.read(
            _page_query(wanted),
            pipeline_id=wanted.pipeline_id,
            pipeline_execution_id=wanted.pipeline_execution_id,
            flagged=wanted.flagged,
            after=page.after,
            limit=page.limit + 1,
        )
        return Slice.cut([_result(row) for row in rows], page.limit)

    async def incidents(self, wanted: IncidentFilter, page: Page) -> Slice[AnomalyIncident]:
        query = SQL["incidents_of_all" if wanted.pipeline_id is None else "incidents_of_pipeline"]
        rows = await self._database.read(
            query,
            pipeline_id=wanted.pipeline_id,
            open=wanted.open,
            after=page.after,
            limit=page.limit + 1,
        )
        return Slice.cut([incident_of(row) for row in rows], page.limit)


def _page_query(wanted: ResultFilter) -> Query:
    """The statement whose index narrows the wanted the most."""
    if wanted.pipeline_execution_id is not None:
        return SQL["page_of_execution"]
    if wanted.pipeline_id is not None:
        return SQL["page_of_flagged_in_pipeline" if wanted.flagged else "page_of_pipeline"]
    return SQL["page_of_flagged" if wanted.flagged else "page_of_all"]


def _result(row: asyncpg.Record) -> AnomalyDetectionResult:
    values = dict(row)
    metric = MetricField(row["metric_field"])
    exact = float if metric is MetricField.THROUGHPUT else int
    values |= {"metric_field": metric, "value": exact(row["value"]), "standing": Standing(row["standing"])}
    values["bucket"] = None if row["bucket"] is None else Bucket(row["bucket"])
    return AnomalyDetectionResult(**values)
