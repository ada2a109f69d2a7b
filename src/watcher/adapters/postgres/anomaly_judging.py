"""One transaction of judging in PostgreSQL: a constant number of statements, whatever there is to judge."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

import asyncpg

from watcher.adapters.postgres.anomaly_incidents import before, inactive, kept
from watcher.adapters.postgres.database import Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.anomaly import MetricField
from watcher.domain.anomaly_incident import Course
from watcher.domain.anomaly_judging import Earlier, Judging, Look, Run, Source, Waiting
from watcher.domain.anomaly_results import AnomaliesJudged
from watcher.domain.anomaly_rules import AnomalyDetectionRule
from watcher.domain.anomaly_sample import MEMORY
from watcher.domain.clock import FIRST
from watcher.domain.errors import StoreBusy

log = logging.getLogger(__name__)
SQL = load("anomaly_judging")

WINDOW = 5_000
"""Waiting runs that are looked at for some that nobody else judges."""

TURN = 4
"""After so many runs, some milliseconds, it is the turn of others in this process."""

Rules = Mapping[int, AnomalyDetectionRule]
Key = tuple[int, MetricField | None]


async def judge(transaction: Transaction, limit: int, now: datetime) -> AnomaliesJudged:
    """`AnomalyResults.judge`."""
    await transaction.in_order()
    taken = await _taken(transaction, limit)
    if not taken:
        left = await transaction.row(SQL["left"])
        if left is not None and left["pending"]:
            raise StoreBusy("all that is to be judged is with others just now")
        return AnomaliesJudged(0, (), await inactive(transaction, now))
    rule_ids = sorted({rule_id for row in taken for rule_id in row["rule_ids"]})
    rows = await transaction.rows(SQL["rules"], ids=rule_ids)
    courses = {row["id"]: Course(row["judged_to"]) for row in rows}
    rules = {row["id"]: _rule(row) for row in rows}
    waiting = [_waiting(row, rules) for row in taken]
    over = await before(transaction, waiting, courses, now) if courses else ()
    judging = Judging(await _sources(transaction, waiting), courses, now)
    for turn, _ in enumerate(judging.proceeds(waiting), start=1):
        if turn % TURN == 0:
            await asyncio.sleep(0)
    for each in judging.unjudged:
        log.error("%s", each)
    identities, opened, ended = await kept(transaction, judging.incidents)
    await _write(transaction, judging, [row["id"] for row in taken], identities)
    return AnomaliesJudged(len(taken), opened, [each for each in ended if each.id not in over])


async def _taken(transaction: Transaction, limit: int) -> list[asyncpg.Record]:
    """The runs to be judged, of pipelines that are held from now on."""
    claimed = {row["pipeline_id"] for row in await transaction.rows(SQL["claim"], limit=limit, window=WINDOW)}
    if not claimed:
        return []
    return await transaction.rows(SQL["taken"], pipeline_ids=sorted(claimed), limit=limit, window=WINDOW)


def _rule(row: asyncpg.Record) -> AnomalyDetectionRule:
    return AnomalyDetectionRule(
        **{name: value for name, value in row.items() if name not in ("judged_to", "metric_field")},
        metric_field=MetricField(row["metric_field"]),
    )


def _waiting(row: asyncpg.Record, rules: Rules) -> Waiting:
    ids = row["rule_ids"] if row["active"] else ()
    return Waiting(_run(row), [rules[each] for each in sorted(ids) if each in rules])


def _run(row: asyncpg.Record) -> Run:
    """The row itself is the mapping of its metrics: there may be very many."""
    return Run(
        row["id"], row["pipeline_id"], row["start_date"], cast("Mapping[MetricField, float | None]", row)
    )


async def _sources(transaction: Transaction, waiting: Sequence[Waiting]) -> dict[int, Source]:
    """What each rule knows: of the runs read for all rules of a pipeline, or where some lack its metric its own."""
    rules = {rule.id: rule for each in waiting for rule in each.rules}
    shared = await _sampled(
        transaction, [Look.of(each.run, each.rules) for each in waiting if each.rules], rules
    )
    found = {rule.id: shared.get((rule.pipeline_id, None), Earlier()) for rule in rules.values()}
    alone = {rule_id for rule_id, earlier in found.items() if earlier.lacks(rules[rule_id].metric_field)}
    looks = [
        Look.of(each.run, [rule], rule.metric_field)
        for each in waiting
        for rule in each.rules
        if rule.id in alone and each.run.metrics[rule.metric_field] is not None
    ]
    own = await _sampled(transaction, looks, rules)
    for rule_id in alone:
        found[rule_id] = own.get((rules[rule_id].pipeline_id, rules[rule_id].metric_field), Earlier())
    flagged = await _flagged(transaction, found)
    return {rule_id: Source(earlier, flagged[rule_id]) for rule_id, earlier in found.items()}


async def _sampled(transaction: Transaction, looks: Sequence[Look], rules: Rules) -> dict[Key, Earlier]:
    """The runs that were asked for, by pipeline and metric, as far as the metrics of the rules go."""
    if not looks:
        return {}
    metrics = sorted({rule.metric_field for rule in rules.values()})
    rows = await transaction.rows(
        SQL["sample"],
        pipeline_ids=[look.pipeline_id for look in looks],
        start_dates=[look.start_date for look in looks],
        memories=[_earlier(look.start_date, MEMORY) for look in looks],
        withins=[_earlier(look.start_date, timedelta(weeks=look.weeks)) for look in looks],
        recents=[look.recent for look in looks],
        leasts=[look.least for look in looks],
        gates=[look.gate for look in looks],
        days=[look.days for look in looks],
        metrics=[look.metric_field for look in looks],
        wanted=metrics,
    )
    return {
        (row["pipeline_id"], row["metric"] and MetricField(row["metric"])): Earlier(
            row["ids"], row["starts"], {metric: row[metric.value] for metric in metrics}
        )
        for row in rows
    }


def _earlier(instant: datetime, span: timedelta) -> datetime:
    """So much earlier, or the first instant that the store can tell from the infinity."""
    first = FIRST + timedelta(microseconds=1)
    return instant - min(span, instant - first)


async def _flagged(transaction: Transaction, found: Mapping[int, Earlier]) -> Mapping[int, Collection[int]]:
    """The runs that each rule flagged, of those between its first and its last."""
    some = {rule_id: earlier.starts for rule_id, earlier in found.items() if earlier.starts}
    flagged: defaultdict[int, set[int]] = defaultdict(set)
    if some:
        rows = await transaction.rows(
            SQL["flagged"],
            rule_ids=list(some),
            firsts=[starts[0] for starts in some.values()],
            lasts=[starts[-1] for starts in some.values()],
        )
        for row in rows:
            flagged[row["rule_id"]].add(row["pipeline_execution_id"])
    return flagged


async def _write(
    transaction: Transaction, judging: Judging, taken: Sequence[int], identities: Mapping[int, int]
) -> None:
    judged = [entry.judged for entry in judging.entries]
    verdicts = [each.verdict for each in judged]
    courses = sorted((rule_id, course.judged_to) for rule_id, course in judging.courses.items())
    await transaction.rows(
        SQL["write"],
        now=judging.now,
        taken=taken,
        course_ids=[rule_id for rule_id, _ in courses],
        judged_tos=[judged_to for _, judged_to in courses],
        execution_ids=[each.execution_id for each in judged],
        rule_ids=[each.rule_id for each in judged],
        pipeline_ids=[each.pipeline_id for each in judged],
        metric_fields=[each.metric_field.value for each in judged],
        start_dates=[each.start_date for each in judged],
        values=[Decimal(repr(each.value)) for each in judged],
        standings=[verdict.standing.value for verdict in verdicts],
        expecteds=[verdict.expected for verdict in verdicts],
        lows=[verdict.low for verdict in verdicts],
        highs=[verdict.high for verdict in verdicts],
        scores=[verdict.score for verdict in verdicts],
        buckets=[verdict.bucket for verdict in verdicts],
        history_sizes=[verdict.history_size for verdict in verdicts],
        missings=[verdict.missing for verdict in verdicts],
        sentences=[verdict.sentence for verdict in verdicts],
        incident_ids=[
            None if entry.incident_id is None else identities[entry.incident_id] for entry in judging.entries
        ],
    )
