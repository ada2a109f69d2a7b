"""Incidents in PostgreSQL: what was there before some runs are judged, and what becomes of it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.anomaly import MetricField
from watcher.domain.anomaly_incident import AnomalyIncident, Course, IncidentEnding, Mark
from watcher.domain.anomaly_judging import Waiting

SQL = load("anomaly_incidents")


async def before(
    transaction: Transaction, waiting: Sequence[Waiting], courses: Mapping[int, Course], now: datetime
) -> Collection[int]:
    """Tells the courses what was there before; which incidents were over."""
    marks = await _around(transaction, waiting, courses, now)
    others = {mark.incident_id for each in marks.values() for mark in each if mark.incident_id is not None}
    rows = await transaction.rows(SQL["lasting"], rule_ids=list(courses), others=sorted(others))
    incidents = [incident_of(row) for row in rows]
    for rule_id, course in courses.items():
        course.knows(marks.get(rule_id, ()), [each for each in incidents if each.rule_id == rule_id])
    return {each.id for each in incidents if each.ended_at is not None}


async def _around(
    transaction: Transaction, waiting: Sequence[Waiting], courses: Mapping[int, Course], now: datetime
) -> Mapping[int, Sequence[Mark]]:
    """What is around the runs that are judged late, by rule: mostly there are none."""
    late = [
        (rule.id, each.run)
        for each in waiting
        for rule in each.rules
        if courses[rule.id].late(each.run.start_date, now)
    ]
    marks: defaultdict[int, list[Mark]] = defaultdict(list)
    if late:
        rows = await transaction.rows(
            SQL["around"],
            rule_ids=[rule_id for rule_id, _ in late],
            pipeline_ids=[run.pipeline_id for _, run in late],
            start_dates=[run.start_date for _, run in late],
            execution_ids=[run.id for _, run in late],
        )
        for row in rows:
            marks[row["rule_id"]].append(Mark(row["start_date"], row["execution_id"], row["incident_id"]))
    return marks


async def kept(
    transaction: Transaction, incidents: Mapping[int, AnomalyIncident]
) -> tuple[dict[int, int], list[AnomalyIncident], list[AnomalyIncident]]:
    """Writes the incidents, those that were there first; their ids, which were opened and which ended."""
    known = [incident for incident in incidents.values() if incident.id > 0]
    new = [incident for incident in incidents.values() if incident.id < 0]
    identities = {incident.id: incident.id for incident in known}
    if known:
        await transaction.rows(
            SQL["change_incidents"],
            ids=[each.id for each in known],
            first_execution_ids=[each.first_execution_id for each in known],
            first_starts=[each.first_start for each in known],
            last_execution_ids=[each.last_execution_id for each in known],
            last_starts=[each.last_start for each in known],
            runs=[each.runs for each in known],
            sentences=[each.sentence for each in known],
            ended_ats=[each.ended_at for each in known],
            endings=[each.ending for each in known],
        )
    if new:
        identities |= await _opened(transaction, new)
    written = [replace(each, id=identities[each.id]) for each in (*known, *new)]
    return (
        identities,
        written[len(known) :],
        [each for each in written if each.ended_at is not None],
    )


async def _opened(transaction: Transaction, new: Sequence[AnomalyIncident]) -> Mapping[int, int]:
    """The ids that new incidents are given, by those that they had so far."""
    rows = await transaction.rows(
        SQL["open_incidents"],
        rule_ids=[each.rule_id for each in new],
        pipeline_ids=[each.pipeline_id for each in new],
        metric_fields=[each.metric_field.value for each in new],
        opened_ats=[each.opened_at for each in new],
        first_execution_ids=[each.first_execution_id for each in new],
        first_starts=[each.first_start for each in new],
        last_execution_ids=[each.last_execution_id for each in new],
        last_starts=[each.last_start for each in new],
        runs=[each.runs for each in new],
        sentences=[each.sentence for each in new],
        ended_ats=[each.ended_at for each in new],
        endings=[each.ending for each in new],
    )
    given = {(row["rule_id"], row["first_execution_id"]): row["id"] for row in rows}
    return {each.id: given[each.rule_id, each.first_execution_id] for each in new}


async def inactive(transaction: Transaction, now: datetime) -> list[AnomalyIncident]:
    """Ends the incidents of pipelines that are not active any more."""
    return [incident_of(row) for row in await transaction.rows(SQL["inactive"], now=now)]


def incident_of(row: asyncpg.Record) -> AnomalyIncident:
    """The incident of a row that has the columns of one."""
    values = dict(row)
    values["metric_field"] = MetricField(row["metric_field"])
    values["ending"] = None if row["ending"] is None else IncidentEnding(row["ending"])
    return AnomalyIncident(**values)
