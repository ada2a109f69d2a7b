"""Alerts in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.alert_collecting import collect
from watcher.adapters.postgres.database import Database, Transaction
from watcher.adapters.postgres.queries import Query, load
from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.alerts import LINES, RECENT, Alert, AlertFilter, News, Told, routed, sentence, told_from
from watcher.domain.page import Page, Slice

SQL = load("alerts")


class PostgresAlerts:
    """`Alerts` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def compose(self, now: datetime, channels: Sequence[Channel]) -> int:
        async with self._database.transaction() as transaction:
            (held,) = await transaction.rows(SQL["hold"], now=now)
            await collect(transaction, now, told_from(now, held["activated_at"]))
            began = await _tell_beginnings(transaction, now, channels)
            over = await _tell_ends(transaction, now, [channel.name for channel in channels])
            await transaction.rows(SQL["settle"], recent=now - RECENT)
        return began + over

    async def page(self, wanted: AlertFilter, page: Page) -> Slice[Alert]:
        """Planned for the kind: some are rare, others nearly all."""
        rows = await self._database.read_replanned(
            _page_query(wanted), kind=wanted.kind, open=wanted.open, after=page.after, limit=page.limit + 1
        )
        return Slice.cut([_alert(row) for row in rows], page.limit)


async def _tell_beginnings(transaction: Transaction, now: datetime, channels: Sequence[Channel]) -> int:
    groups = await transaction.rows(SQL["untold"])
    for group in groups:
        news = await _news(transaction, group, Severity(group["severity"]), ending=False)
        message_id = await _written(transaction, news, now, routed(news.severity, channels))
        await transaction.rows(SQL["tell"], message_id=message_id, ids=group["ids"])
    return len(groups)


async def _tell_ends(transaction: Transaction, now: datetime, channels: Sequence[str]) -> int:
    groups = await transaction.rows(SQL["untold_ends"], recent=now - RECENT, channels=channels)
    for group in groups:
        news = await _news(transaction, group, Severity.INFO, ending=True)
        message_id = await _written(transaction, news, now, group["channels"])
        await transaction.rows(SQL["tell_end"], message_id=message_id, ids=group["ids"])
    return len(groups)


async def _news(transaction: Transaction, group: asyncpg.Record, severity: Severity, *, ending: bool) -> News:
    ids = group["ids"]
    first = [Told(**row) for row in await transaction.rows(SQL["told"], ids=ids[:LINES])]
    return News(AlertKind(group["kind"]), severity, ending, len(ids), first)


async def _written(transaction: Transaction, news: News, now: datetime, channels: Sequence[str]) -> int:
    (row,) = await transaction.rows(
        SQL["write"],
        kind=news.kind,
        severity=news.severity,
        ending=news.ending,
        title=news.title,
        text=news.text,
        now=now,
        give_up_at=now + RECENT,
        channels=channels,
    )
    return int(row["id"])


def _page_query(wanted: AlertFilter) -> Query:
    """The statement whose index narrows the wanted the most."""
    if wanted.open:
        return SQL["page_of_open"]
    return SQL["page_of_all" if wanted.kind is None else "page_of_kind"]


def _alert(row: asyncpg.Record) -> Alert:
    values = dict(row)
    kind = AlertKind(row["kind"])
    told = sentence(kind, row["pipeline_name"], values.pop("facts"))
    return Alert(**values | {"kind": kind, "severity": Severity(row["severity"]), "sentence": told})
