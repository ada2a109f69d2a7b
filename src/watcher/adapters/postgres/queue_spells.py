"""The spells of too much being pending, in PostgreSQL."""

from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.queues import QueuesChecked, QueueSpell, QueueState

SQL = load("queue_spells")


class PostgresQueueSpells:
    """`QueueSpells` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, state: QueueState, pending: int, now: datetime) -> QueuesChecked:
        rows = await self._database.rows(SQL["record"], state=state, pending=pending, now=now)
        spells = [_spell(row) for row in rows]
        opened = [spell for spell in spells if spell.ended_at is None]
        ended = [spell for spell in spells if spell.ended_at is not None]
        return QueuesChecked(opened[0] if opened else None, ended[0] if ended else None)


def _spell(row: asyncpg.Record) -> QueueSpell:
    return QueueSpell(**dict(row) | {"state": QueueState(row["state"])})
