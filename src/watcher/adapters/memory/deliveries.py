"""Deliveries of messages, in dictionaries."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from watcher.domain.alerts import RECENT, News
from watcher.domain.deliveries import (
    ATTEMPTS,
    LEASE,
    OUTDATED,
    UNFINISHED,
    Claim,
    Delivery,
    DeliveryFilter,
    DeliveryState,
    Message,
    Outcome,
    believed,
    is_hopeless,
)
from watcher.domain.page import Page, Slice

ABANDONED = "message %d was not delivered to %s and is given up: %s"
OPEN = (DeliveryState.PENDING, DeliveryState.FAILED)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A message, and when it was written."""

    message: Message
    created_at: datetime


class MemoryDeliveries:
    """`Deliveries` in dictionaries."""

    def __init__(self) -> None:
        self.messages: dict[int, Written] = {}
        self._rows: dict[int, Delivery] = {}
        self._ids, self._message_ids = count(1), count(1)

    def write(self, news: News, now: datetime, channels: Sequence[str]) -> int:
        """The id of a new message, due at once on each of its channels."""
        message = Message(
            id=next(self._message_ids),
            severity=news.severity,
            ending=news.ending,
            title=news.title,
            text=news.text,
        )
        self.messages[message.id] = Written(message, now)
        for channel in sorted(channels):
            delivery = Delivery(
                id=next(self._ids),
                message_id=message.id,
                title=message.title,
                channel=channel,
                state=DeliveryState.PENDING,
                attempts=0,
                next_attempt_at=now,
                last_error=None,
                delivered_at=None,
            )
            self._rows[delivery.id] = delivery
        return message.id

    def of(self, messages: Sequence[int]) -> Sequence[Delivery]:
        """Where these messages go."""
        return [row for row in self._rows.values() if row.message_id in messages]

    def forget(self, messages: Sequence[int]) -> None:
        for identity in messages:
            del self.messages[identity]
        self._rows = {row.id: row for row in self._rows.values() if row.message_id not in messages}

    async def claim(self, channel: str, now: datetime) -> Claim | None:
        due = [
            (row.next_attempt_at, row.id)
            for row in self._rows.values()
            if row.channel == channel
            and row.state in OPEN
            and row.next_attempt_at is not None
            and row.next_attempt_at <= now
            and row.attempts < ATTEMPTS
            and self._give_up_at(row) > now
        ]
        if not due:
            return None
        row = self._rows[min(due)[1]]
        self._rows[row.id] = replace(row, attempts=row.attempts + 1, next_attempt_at=now + LEASE)
        return Claim(row.id, row.attempts + 1, self.messages[row.message_id].message)

    async def record(self, claim: Claim, outcome: Outcome) -> None:
        row = self._rows[claim.id]
        if outcome.state is DeliveryState.DELIVERED:
            if row.state is not DeliveryState.DELIVERED:
                self._rows[row.id] = replace(
                    row, state=outcome.state, delivered_at=outcome.at, last_error=None, next_attempt_at=None
                )
        elif row.attempts == claim.attempt and row.state in OPEN:
            abandoned = outcome.state is DeliveryState.ABANDONED
            self._rows[row.id] = replace(
                row,
                state=outcome.state,
                last_error=outcome.error,
                next_attempt_at=None if abandoned else outcome.at,
            )
            if abandoned:
                log.error(ABANDONED, row.message_id, row.channel, outcome.error)

    async def abandon(self, now: datetime) -> int:
        for row in self._rows.values():
            if row.state in OPEN:
                self._rows[row.id] = replace(row, next_attempt_at=believed(row, now))
        over = [
            row
            for row in self._rows.values()
            if row.state in OPEN and is_hopeless(row, self._give_up_at(row), now)
        ]
        for row in over:
            error = row.last_error or (OUTDATED if row.attempts == 0 else UNFINISHED)
            self._rows[row.id] = replace(
                row, state=DeliveryState.ABANDONED, last_error=error, next_attempt_at=None
            )
            log.error(ABANDONED, row.message_id, row.channel, error)
        return len(over)

    async def page(self, wanted: DeliveryFilter, page: Page) -> Slice[Delivery]:
        rows = [
            row
            for row in reversed(self._rows.values())
            if wanted.admits(row) and (page.after is None or row.id < page.after)
        ]
        return Slice.cut(rows, page.limit)

    def _give_up_at(self, row: Delivery) -> datetime:
        return self.messages[row.message_id].created_at + RECENT
