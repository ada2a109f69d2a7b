"""The pipeline types in PostgreSQL."""

from datetime import datetime

import asyncpg

from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction
from watcher.adapters.postgres.named import by, got_or_created, renamed
from watcher.adapters.postgres.queries import load
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline_type import (
    PipelineType,
    PipelineTypeChanges,
    PipelineTypeDeclaration,
    PipelineTypeDeclared,
    PipelineTypeNameTaken,
    PipelineTypeNotFound,
)
from watcher.domain.span import Datepart
from watcher.domain.text import Reference, name_key

SQL = load("pipeline_types")


class PostgresPipelineTypes:
    """`PipelineTypes` by SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def declare(self, declaration: PipelineTypeDeclaration, now: datetime) -> PipelineTypeDeclared:
        key, digest = name_key(declaration.name), declaration.digest()
        known = await self._database.row(SQL["declared"], name_key=key, declaration=digest)
        if known is not None:
            return PipelineTypeDeclared(known["id"], created=False)
        values: dict[str, object] = {
            "name": declaration.name,
            "name_key": key,
            "declaration": digest,
            "freshness_number": declaration.freshness_number,
            "freshness_datepart": declaration.freshness_datepart,
            "mute_freshness_check": declaration.mute_freshness_check,
            "timeliness_number": declaration.timeliness_number,
            "timeliness_datepart": declaration.timeliness_datepart,
            "mute_timeliness_check": declaration.mute_timeliness_check,
            "now": now,
        }
        for _ in range(ATTEMPTS):
            async with self._database.transaction() as transaction:
                row = await got_or_created(transaction, SQL, values)
                if row is not None:
                    return PipelineTypeDeclared(*row)
        raise renamed(declaration.name)

    async def change(self, reference: Reference, changes: PipelineTypeChanges, now: datetime) -> PipelineType:
        async with self._database.transaction() as transaction:
            row = await transaction.row(SQL["hold"], **by(reference))
            if row is None:
                raise PipelineTypeNotFound(reference)
            held = _pipeline_type(row)
            changed = held.changed(changes, now)
            if changed is not held:
                await _write(transaction, changed)
            return changed

    async def get(self, identity: int) -> PipelineType:
        row = await self._database.row(SQL["get"], id=identity)
        if row is None:
            raise PipelineTypeNotFound(identity)
        return _pipeline_type(row)

    async def page(self, page: Page) -> Slice[PipelineType]:
        rows = await self._database.read(SQL["page"], after=page.after or 0, limit=page.limit + 1)
        return Slice.cut([_pipeline_type(row) for row in rows], page.limit)


async def ensured(transaction: Transaction, name: str, now: datetime) -> int:
    """The id of the type of that name, created where it was missing."""
    key = name_key(name)
    for _ in range(ATTEMPTS):
        row = await transaction.row(SQL["named"], name_key=key)
        row = row or await transaction.row(SQL["ensure"], name=name, name_key=key, now=now)
        if row is not None:
            identity: int = row["id"]
            return identity
    raise renamed(name)


def datepart(text: str | None) -> Datepart | None:
    return None if text is None else Datepart(text)


async def _write(transaction: Transaction, changed: PipelineType) -> None:
    try:
        await transaction.rows(
            SQL["change"],
            id=changed.id,
            name=changed.name,
            name_key=changed.key(),
            freshness_number=changed.freshness_number,
            freshness_datepart=changed.freshness_datepart,
            mute_freshness_check=changed.mute_freshness_check,
            timeliness_number=changed.timeliness_number,
            timeliness_datepart=changed.timeliness_datepart,
            mute_timeliness_check=changed.mute_timeliness_check,
            updated_at=changed.updated_at,
        )
    except asyncpg.UniqueViolationError:
        raise PipelineTypeNameTaken(changed.name) from None


def _pipeline_type(row: asyncpg.Record) -> PipelineType:
    values = dict(row)
    values["freshness_datepart"] = datepart(row["freshness_datepart"])
    values["timeliness_datepart"] = datepart(row["timeliness_datepart"])
    return PipelineType(**values)
