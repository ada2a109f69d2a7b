"""The verdicts, in dictionaries."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from watcher.adapters.memory.executions import MemoryExecutions
from watcher.adapters.memory.executions import place as in_order
from watcher.adapters.memory.pipelines import MemoryPipelines
from watcher.adapters.memory.watching import Watching
from watcher.domain.anomaly import MetricField, Standing
from watcher.domain.anomaly_incident import AnomalyIncident, Course, IncidentEnding, Mark
from watcher.domain.anomaly_judging import Earlier, Entry, Judging, Run, Source, Waiting
from watcher.domain.anomaly_results import (
    AnomaliesJudged,
    AnomalyDetectionResult,
    IncidentFilter,
    ResultFilter,
)
from watcher.domain.anomaly_rules import AnomalyDetectionRule
from watcher.domain.execution import Execution
from watcher.domain.page import Page, Slice

log = logging.getLogger(__name__)


class MemoryAnomalyResults:
    """`AnomalyResults` in dictionaries."""

    def __init__(self, watching: Watching, executions: MemoryExecutions, pipelines: MemoryPipelines) -> None:
        self._watching, self._executions, self._pipelines = watching, executions, pipelines

    async def judge(self, limit: int, now: datetime) -> AnomaliesJudged:
        taken = sorted(self._watching.pending)[:limit]
        if not taken:
            return AnomaliesJudged(0, (), self._inactive(now))
        waiting = [self._waiting(each) for each in taken]
        judging = self._judged(waiting, now)
        for failure in judging.unjudged:
            log.error("%s", failure)
        opened, ended = [], []
        identities = {}
        before = {each.id for each in self._watching.incidents.values() if each.ended_at is not None}
        for key, incident in judging.incidents.items():
            identity = next(self._watching.incident_ids) if key < 0 else key
            identities[key] = identity
            kept = replace(incident, id=identity)
            self._watching.incidents[identity] = kept
            opened += [kept] if key < 0 else []
            ended += [kept] if kept.ended_at is not None and key not in before else []
        for entry in judging.entries:
            self._keep(entry, identities, now)
        for rule_id, course in judging.courses.items():
            if course.judged_to is not None:
                self._watching.judged_to[rule_id] = course.judged_to
        for each in taken:
            del self._watching.pending[each]
        return AnomaliesJudged(len(taken), opened, ended)

    def _inactive(self, now: datetime) -> list[AnomalyIncident]:
        """Ends the incidents of pipelines that are not active any more."""
        over = [
            each.over(IncidentEnding.INACTIVE, now)
            for each in self._watching.incidents.values()
            if each.ended_at is None and not self._pipelines.known(each.pipeline_id).active
        ]
        self._watching.incidents |= {each.id: each for each in over}
        return sorted(over, key=lambda each: each.id)

    def _waiting(self, execution_id: int) -> Waiting:
        run = _run(self._executions.known(execution_id))
        rules = [self._watching.rules[each] for each in self._watching.pending[execution_id]]
        active = self._pipelines.known(run.pipeline_id).active
        return Waiting(run, [rule for rule in rules if active and rule.active])

    def _judged(self, waiting: Sequence[Waiting], now: datetime) -> Judging:
        rules = {rule.id: rule for each in waiting for rule in each.rules}
        sources = {rule.id: self._source(rule) for rule in rules.values()}
        courses = {each: self._course(each) for each in rules}
        judging = Judging(sources, courses, now)
        for _ in judging.proceeds(waiting):
            pass
        return judging

    def _course(self, rule_id: int) -> Course:
        course = Course(self._watching.judged_to.get(rule_id))
        course.knows(
            [
                Mark(
                    each.start_date,
                    each.pipeline_execution_id,
                    self._watching.incident_of[each.id] if each.flagged else None,
                )
                for each in self._watching.results.values()
                if each.rule_id == rule_id and each.standing is not Standing.LEARNING
            ],
            [each for each in self._watching.incidents.values() if each.rule_id == rule_id],
        )
        return course

    def _source(self, rule: AnomalyDetectionRule) -> Source:
        runs = sorted(
            (
                run
                for run in self._executions.all()
                if run.pipeline_id == rule.pipeline_id and run.completed_successfully
            ),
            key=in_order,
        )
        metrics = {rule.metric_field: [_metric(run, rule.metric_field) for run in runs]}
        earlier = Earlier([run.id for run in runs], [run.start_date for run in runs], metrics)
        flagged = {
            result.pipeline_execution_id
            for result in self._watching.results.values()
            if result.rule_id == rule.id and result.flagged
        }
        return Source(earlier, flagged)

    def _keep(self, entry: Entry, identities: dict[int, int], now: datetime) -> None:
        judged, verdict = entry.judged, entry.judged.verdict
        identity = next(self._watching.result_ids)
        if entry.incident_id is not None:
            self._watching.incident_of[identity] = identities[entry.incident_id]
        self._watching.keep(
            AnomalyDetectionResult(
                id=identity,
                pipeline_execution_id=judged.execution_id,
                rule_id=judged.rule_id,
                pipeline_id=judged.pipeline_id,
                metric_field=judged.metric_field,
                start_date=judged.start_date,
                standing=verdict.standing,
                value=judged.value,
                expected=verdict.expected,
                low=verdict.low,
                high=verdict.high,
                score=verdict.score,
                bucket=verdict.bucket,
                history_size=verdict.history_size,
                missing=verdict.missing,
                sentence=verdict.sentence,
                judged_at=now,
            )
        )

    async def unflag(
        self,
        pipeline_id: int,
        pipeline_execution_id: int,
        metric_fields: Sequence[MetricField],
        now: datetime,
    ) -> int:
        unflagged = [
            result
            for result in self._watching.of(pipeline_execution_id)
            if result.flagged and result.pipeline_id == pipeline_id and result.metric_field in metric_fields
        ]
        for result in unflagged:
            self._watching.results[result.id] = replace(result, unflagged_at=now)
            incident = self._watching.incidents.get(self._watching.incident_of[result.id])
            if incident is not None:
                self._watching.incidents[incident.id] = incident.without(1, now)
        return len(unflagged)

    async def page(self, wanted: ResultFilter, page: Page) -> Slice[AnomalyDetectionResult]:
        rows = [
            row
            for row in reversed(self._watching.results.values())
            if wanted.admits(row) and (page.after is None or row.id < page.after)
        ]
        return Slice.cut(rows, page.limit)

    async def incidents(self, wanted: IncidentFilter, page: Page) -> Slice[AnomalyIncident]:
        rows = [
            row
            for row in sorted(self._watching.incidents.values(), key=lambda row: row.id, reverse=True)
            if wanted.admits(row) and (page.after is None or row.id < page.after)
        ]
        return Slice.cut(rows, page.limit)


def _run(execution: Execution) -> Run:
    metrics = {metric: _metric(execution, metric) for metric in MetricField}
    return Run(execution.id, execution.pipeline_id, execution.start_date, metrics)


def _metric(execution: Execution, metric: MetricField) -> float | None:
    return cast("float | None", getattr(execution, metric.value))
