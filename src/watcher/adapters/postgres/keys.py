"""The API keys in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.queries import load
from watcher.domain.callers import Scope
from watcher.domain.keys import MOST_USABLE, ApiKey, KeyNotFound, TooManyKeys, UsableKey

SQL = load("keys")


class PostgresKeys:
    """`Keys` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, key: ApiKey, digest: bytes) -> None:
        created = await self._database.row(
            SQL["create"],
            id=key.id,
            name=key.name,
            scope=key.scope.value,
            digest=digest,
            created_at=key.created_at,
            expires_at=key.expires_at,
            most=MOST_USABLE,
        )
        if created is None:
            raise TooManyKeys

    async def all(self) -> Sequence[ApiKey]:
        return [_key(row) for row in await self._database.rows(SQL["all"])]

    async def usable(self, now: datetime) -> Sequence[UsableKey]:
        return [
            UsableKey(row["id"], Scope(row["scope"]), row["digest"], row["expires_at"])
            for row in await self._database.rows(SQL["usable"], now=now)
        ]

    async def revoke(self, identity: str, now: datetime) -> ApiKey:
        row = await self._database.row(SQL["revoke"], id=identity, now=now)
        if row is None:
            raise KeyNotFound(identity)
        return _key(row)

    async def used(self, uses: Mapping[str, datetime]) -> None:
        await self._database.rows(SQL["used"], ids=list(uses), instants=list(uses.values()))


def _key(row: asyncpg.Record) -> ApiKey:
    values = dict(row)
    values["scope"] = Scope(row["scope"])
    return ApiKey(**values)
