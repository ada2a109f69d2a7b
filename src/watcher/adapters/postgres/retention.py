"""What is old goes, in PostgreSQL: whole trees, by statements that are bounded however large a tree is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import asyncpg

from watcher.adapters.postgres.daily_report import SQL as REPORT
from watcher.adapters.postgres.daily_report import keep
from watcher.adapters.postgres.database import ATTEMPTS, Database, Transaction
from watcher.adapters.postgres.queries import Query, load
from watcher.domain.clock import FIRST
from watcher.domain.errors import StoreBusy
from watcher.domain.retention import Aged, Batch, Forgotten, OldTree, Place, gathered

SQL = load("retention")

ROWS_AT_ONCE = 5_000
"""Executions that one statement deletes."""

PAIRS_AT_ONCE = 50_000
"""Rows of the closure that one statement deletes, unless a single execution has more below it."""

Tree: TypeAlias = Sequence[asyncpg.Record]


class PostgresRetention:
    """`Retention` by SQL; `delete_<kind>` is the statement that deletes rows of a kind, `old_<kind>` counts them.

    Nothing waits for a run that somebody holds. What is held is looked at again: a tree that has grown since it was
    found stays.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        for attempt in range(ATTEMPTS):
            try:
                return await self._forget(before, limit, after)
            except StoreBusy:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError

    async def _forget(self, before: datetime, limit: int, after: Place | None) -> Batch:
        roots, reached = await self._found(before, limit, after)
        if not roots:
            return Batch(Forgotten(), reached)
        async with self._database.transaction() as transaction:
            await transaction.replan()
            trees = await _held(transaction, roots, before)
            return Batch(await _deleted(transaction, trees), reached)

    async def forgettable(self, before: datetime, limit: int, after: Place | None = None) -> Batch:
        roots, reached = await self._found(before, limit, after)
        (row,) = await self._database.rows_replanned(SQL["described"], roots=roots)
        forgotten = Forgotten(
            total_pipeline_executions_deleted=row["executions"],
            total_timeliness_pipeline_execution_logs_deleted=row["timeliness_logs"],
            total_anomaly_detection_results_deleted=row["anomaly_results"],
            total_pipeline_execution_closure_parent_deleted=row["pairs"],
        )
        return Batch(forgotten, reached)

    async def forget_rows(self, kind: Aged, before: datetime, limit: int) -> int:
        row = await self._database.row(SQL[f"delete_{kind}"], before=before, limit=limit)
        return int(row["gone"]) if row else 0

    async def forgettable_rows(self, kind: Aged, before: datetime) -> int:
        row = await self._database.row(SQL[f"old_{kind}"], before=before)
        return int(row["old"]) if row else 0

    async def _found(
        self, before: datetime, limit: int, after: Place | None
    ) -> tuple[Sequence[int], Place | None]:
        """The roots of a batch, and the place from which to look for the next."""
        start, identity = after or (FIRST, 0)
        rows = await self._database.rows_replanned(
            SQL["old_trees"], before=before, after_start=start, after_id=identity, limit=limit
        )
        trees = [OldTree(_place(row), row["size"]) for row in rows if row["size"] is not None]
        taken = gathered(trees, limit)
        roots = [tree.place[1] for tree in taken]
        if len(taken) < len(trees):
            return roots, taken[-1].place
        full = rows and rows[-1]["position"] == limit
        return roots, _place(rows[-1]) if full else None


def _place(row: asyncpg.Record) -> Place:
    return row["start_date"], row["id"]


async def _held(transaction: Transaction, roots: Sequence[int], before: datetime) -> list[Tree]:
    """Those of the trees that are whole in our hands and still old."""
    trees: defaultdict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in await transaction.rows(SQL["hold"], roots=roots):
        trees[row["root_id"]].append(row)
    sizes = {row["id"]: row["size"] for row in await transaction.rows(SQL["sizes"], roots=roots)}
    return [
        tree
        for root, tree in trees.items()
        if len(tree) == sizes[root]
        and all(run["end_date"] is not None and run["end_date"] < before for run in tree)
    ]


async def _deleted(transaction: Transaction, trees: Sequence[Tree]) -> Forgotten:
    runs = [run for tree in trees for run in tree]
    await transaction.plan_once()
    pairs = 0
    for ids in _weighed(trees):
        pairs += await _gone(transaction, SQL["delete_pairs"], ids)
    executions = logs = results = 0
    deepest_first = [run["id"] for run in sorted(runs, key=lambda run: run["depth"], reverse=True)]
    for ids in _chunks(deepest_first, ROWS_AT_ONCE):
        logs += await _gone(transaction, SQL["delete_timeliness_logs"], ids)
        results += await _gone(transaction, SQL["delete_anomaly_results"], ids)
        await transaction.rows(SQL["delete_anomaly_incidents"], ids=ids)
        executions += await _gone(transaction, SQL["delete_executions"], ids)
    await transaction.rows(REPORT["hold"])
    await keep(transaction, runs, shrunk=True)
    return Forgotten(
        total_pipeline_executions_deleted=executions,
        total_timeliness_pipeline_execution_logs_deleted=logs,
        total_anomaly_detection_results_deleted=results,
        total_pipeline_execution_closure_parent_deleted=pairs,
    )


async def _gone(transaction: Transaction, delete: Query, ids: Sequence[int]) -> int:
    row = await transaction.row(delete, ids=ids)
    return int(row["gone"]) if row else 0


def _weighed(trees: Sequence[Tree]) -> Iterator[Sequence[int]]:
    """The runs of trees in lists that have a bounded number of runs below them, by the size of their tree."""
    ids: list[int] = []
    weight = 0
    for tree in trees:
        for run in tree if len(tree) > 1 else ():
            if weight + len(tree) > PAIRS_AT_ONCE and ids:
                yield ids
                ids, weight = [], 0
            ids.append(run["id"])
            weight += len(tree)
    if ids:
        yield ids


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]
