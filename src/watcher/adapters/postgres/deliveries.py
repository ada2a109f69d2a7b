"""Deliveries of messages in PostgreSQL."""

import asyncio
import logging
from datetime import datetime
from time import monotonic

import asyncpg

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.alert_channels import Severity
from watcher.domain.deliveries import (
    ATTEMPTS,
    DISBELIEVED_BEYOND,
    FIRST_RETRY,
    LEASE,
    LONGEST_RETRY,
    OUTDATED,
    UNFINISHED,
    Claim,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Message,
    Outcome,
)
from watcher.domain.errors import Unavailable
from watcher.domain.page import Page, Slice

SQL = load("deliveries")
ABANDONED = "message %d was not delivered to %s and is given up: %s"
INSISTING_SECONDS = LEASE.total_seconds() / 2
"""Until then nobody else takes it that who sent it died."""

REST_SECONDS = 0.5
log = logging.getLogger(__name__)


class PostgresDeliveries:
    """`Deliveries` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, channel: str, now: datetime) -> Claim | None:
        row = await self._database.row(
            SQL["claim"], channel=channel, now=now, until=now + LEASE, most=ATTEMPTS
        )
        return None if row is None else _claim(row)

    async def record(self, claim: Claim, outcome: Outcome) -> None:
        """Tries again while the database is away: what it does not learn is sent a second time."""
        until = monotonic() + INSISTING_SECONDS
        while True:
            try:
                return await self._recorded(claim, outcome)
            except Unavailable:
                if monotonic() > until:
                    raise
            await asyncio.sleep(REST_SECONDS)

    async def _recorded(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.state is DeliveryState.DELIVERED:
            await self._database.rows(SQL["record_delivered"], id=claim.id, at=outcome.at)
            return
        row = await self._database.row(
            SQL["record_failed"],
            id=claim.id,
            attempt=claim.attempt,
            state=outcome.state,
            at=outcome.at,
            error=outcome.error,
        )
        if row is not None and outcome.state is DeliveryState.ABANDONED:
            log.error(ABANDONED, row["message_id"], row["channel"], outcome.error)

    async def abandon(self, now: datetime) -> int:
        rows = await self._database.rows(
            SQL["abandon"],
            now=now,
            most=ATTEMPTS,
            outdated=OUTDATED,
            unfinished=UNFINISHED,
            margin=DISBELIEVED_BEYOND,
            lease=LEASE,
            first_rest=FIRST_RETRY,
            longest_rest=LONGEST_RETRY,
        )
        for row in rows:
            log.error(ABANDONED, row["message_id"], row["channel"], row["last_error"])
        return len(rows)

    async def page(self, wanted: DeliveryFilter, page: Page) -> Slice[Delivery]:
        rows = await self._database.read(
            SQL["page"],
            channel=wanted.channel,
            state=wanted.state,
            after=page.after,
            limit=page.limit + 1,
        )
        return Slice.cut([_delivery(row) for row in rows], page.limit)


def _claim(row: asyncpg.Record) -> Claim:
    message = Message(
        id=row["message_id"],
        severity=Severity(row["severity"]),
        ending=row["ending"],
        title=row["title"],
        text=row["text"],
    )
    return Claim(row["id"], row["attempt"], message)


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(**dict(row) | {"state": DeliveryState(row["state"])})
