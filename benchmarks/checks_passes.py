"""Passes of the checks over all pipelines and all runs, at instants of our own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from pydantic import SecretStr

from benchmarks.checks_plan import ChecksPlan
from benchmarks.database import Counters, Database, sql
from benchmarks.measure import Load, RunVoid, timed
from watcher.adapters.postgres.database import PLAN_FOR_THESE_VALUES
from watcher.adapters.postgres.queries import Query, load
from watcher.container import Container, closing
from watcher.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASS = timedelta(seconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTLED = ("VACUUM (ANALYZE)", "CHECKPOINT")
CHECK = load("late_runs")["check"]
CONNECTED = Query.parsed("connected", "SELECT 1 AS there")
LATE_SHARE = 25
"""Of so many times as many pipelines that turn stale between two passes, one run turns late."""

Changed = tuple[int, int]
"""How many spells or late runs a pass found, and how many it ended."""

Check = Callable[[Container, datetime], Awaitable[Changed]]


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes of one kind; `statements` are those of one of them, but for what begins and ends transactions."""

    name: str
    load: Load
    found: int
    ended: int
    statements: int
    promised: bool = True


@dataclass(frozen=True, slots=True)
class Read:
    """What a pass of timeliness reads: rows of executions, how many can be late, and pages of all kinds."""

    rows: int
    possible: int
    pages: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Both checks on one database."""

    freshness: list[Passes]
    timeliness: list[Passes]
    read: Read


@dataclass(frozen=True, slots=True)
class _Kind:
    """Passes of a check, with something done before each of them, and looking for news or for none."""

    name: str
    check: Check
    count: int
    before: str | None = None
    news: int = 0
    quiet: bool = False
    promised: bool = True


def checked(
    database: Database, counters: Counters, plan: ChecksPlan, progress: Callable[[str], None]
) -> Checked:
    progress(f"{plan.pipelines:,} pipelines and {plan.runs:,} runs: filling")
    database.rows(sql("checks_pipelines"), plan.pipelines, NOW)
    database.rows(sql("checks_runs"), plan.runs, NOW)
    for statement in SETTLED:
        database.rows(statement)
    progress("checks")
    freshness = [_taken(database, counters, kind) for kind in _freshness(plan)]
    timeliness = [_taken(database, counters, kind) for kind in _timeliness(plan)]
    return Checked(freshness, timeliness, asyncio.run(_read(database)))


def _freshness(plan: ChecksPlan) -> Iterator[_Kind]:
    async def check(container: Container, now: datetime) -> Changed:
        found = await container.stale_spells().check(now)
        return len(found.opened), len(found.ended)

    yield _Kind("the first pass", check, 1)
    yield _Kind("nothing new", check, plan.passes, quiet=True)
    yield _Kind("some stale, some recovered", check, plan.passes, "checks_changed", plan.news)


def _timeliness(plan: ChecksPlan) -> Iterator[_Kind]:
    def check(lookback: timedelta) -> Check:
        async def looked(container: Container, now: datetime) -> Changed:
            found = await container.late_runs().check(now, now - lookback)
            return len(found.found), len(found.ended)

        return looked

    news = max(1, plan.news // LATE_SHARE)
    yield _Kind("the first pass", check(HOUR), 1)
    yield _Kind("nothing new", check(HOUR), plan.passes, quiet=True)
    yield _Kind("some late, some ended", check(HOUR), plan.passes, "checks_ended", news)
    yield _Kind("the first that looks back a day", check(DAY), 1, promised=False)
    yield _Kind("nothing new in a day", check(DAY), plan.passes, quiet=True, promised=False)


def _taken(database: Database, counters: Counters, kind: _Kind) -> Passes:
    async def measured() -> Passes:
        seconds, changed = [], []
        container = Container(settings=Settings(database_url=SecretStr(database.dsn), pool_size=1))
        async with closing(container):
            await container.database().rows(CONNECTED)
            for turn in range(kind.count):
                now = NOW if kind.before is None else NOW + turn * PASS
                if kind.before is not None:
                    await asyncio.to_thread(database.rows, sql(kind.before), kind.news, now)
                await asyncio.to_thread(counters.reset)
                began = time.perf_counter()
                changed.append(await kind.check(container, now))
                seconds.append(time.perf_counter() - began)
            statements = await asyncio.to_thread(counters.queries)
        return _passes(kind, seconds, changed, statements)

    return asyncio.run(measured())


def _passes(kind: _Kind, seconds: list[float], changed: list[Changed], statements: int) -> Passes:
    found, ended = (min(each) for each in zip(*changed, strict=True))
    if kind.quiet == any(map(any, changed)):
        raise RunVoid(f"{kind.name}: passes changed {changed}.")
    return Passes(kind.name, timed(seconds), found, ended, statements, kind.promised)


async def _read(database: Database) -> Read:
    """One more pass, which PostgreSQL explains and then undoes."""
    since = NOW - HOUR
    given: dict[str, object] = {"now": NOW, "since": since}
    connection = await asyncpg.connect(database.dsn)
    try:
        possible = await connection.fetchval(sql("checks_possible"), NOW, since)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(PLAN_FOR_THESE_VALUES)
        said = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {CHECK.sql}", *CHECK.arguments(given)
        )
        await transaction.rollback()
    finally:
        await connection.close()
    whole = json.loads(said)[0]["Plan"]
    pages = whole["Shared Hit Blocks"] + whole["Shared Read Blocks"]
    return Read(sum(map(_rows, _nodes(whole))), int(possible), int(pages))


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _rows(node: Mapping[str, Any]) -> int:
    """The rows of executions that a node read, also those that it then left out."""
    if node.get("Relation Name") != "pipeline_execution":
        return 0
    left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    read: float = (node["Actual Rows"] + left_out) * node["Actual Loops"]
    return round(read)
