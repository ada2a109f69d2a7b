"""The plans that PostgreSQL makes for our statements, on a database with enough rows of everything."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from watcher.adapters.postgres.database import PLAN_FOR_THESE_VALUES, PLAN_IN_ORDER
from watcher.adapters.postgres.queries import Query, load

MANY = Path(__file__).with_name("many.sql")
ADDRESSES = load("addresses")
DAILY_REPORT = load("daily_report")


async def plan(connection: asyncpg.Connection, query: Query) -> list[dict[str, Any]]:
    """All nodes of the statement's generic plan."""
    return await explained(connection, query, ["NULL"] * len(query.parameters))


async def ordered_plan(connection: asyncpg.Connection, query: Query) -> list[dict[str, Any]]:
    """All nodes of the statement's generic plan where it must read off indexes in their order."""
    async with connection.transaction():
        await connection.execute(PLAN_IN_ORDER)
        return await plan(connection, query)


async def search_plan(connection: asyncpg.Connection, part: str, limit: int = 100) -> list[dict[str, Any]]:
    """All nodes of the plan for this part of a name, which is how it is planned when it is searched for."""
    given = {"pattern": f"'%{part}%'", "after": "0", "limit": str(limit)}
    page = ADDRESSES["page"]
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await explained(connection, page, [given.get(name, "NULL") for name in page.parameters])


async def check_plan(connection: asyncpg.Connection, query: Query, minutes: int = 60) -> list[dict[str, Any]]:
    """All nodes of the plan of a check that looks back so many minutes, which is how it is planned when it runs."""
    last = await connection.fetchval("SELECT max(end_date) FROM pipeline_execution")
    given = {"now": f"'{last}'", "since": f"'{last - timedelta(minutes=minutes)}'"}
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await explained(connection, query, [given[name] for name in query.parameters])


async def report_plan(connection: asyncpg.Connection, **given: str) -> list[dict[str, Any]]:
    """All nodes of the plan for a page of the daily report, which is planned for what is asked."""
    asked = {"known_to": "49990", "day_from": "0", "day_to": "3652058", "limit": "100"}
    asked |= {"after_day": "3652059", "after_pipeline": "0"} | given
    page = DAILY_REPORT["page"]
    async with connection.transaction():
        await connection.execute(PLAN_FOR_THESE_VALUES)
        return await explained(connection, page, [asked.get(name, "NULL") for name in page.parameters])


async def explained(
    connection: asyncpg.Connection, query: Query, values: Sequence[str]
) -> list[dict[str, Any]]:
    await connection.execute(f"PREPARE wanted AS {query.sql}")
    arguments = f"({', '.join(values)})" if values else ""
    explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE wanted {arguments}")
    await connection.execute("DEALLOCATE wanted")
    return list(nodes(json.loads(explained)[0]["Plan"]))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from nodes(below)


def scanned(found: list[dict[str, Any]]) -> set[str]:
    """The tables that are read from end to end."""
    return {node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"}


def indexes(found: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in found if "Index Name" in node}
