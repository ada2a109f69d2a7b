"""Questions about lineage, and declaring it, find their rows by an index however many there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.integration.plans import indexes, plan, scanned
from watcher.adapters.postgres.queries import load

LINEAGE = load("lineage")
GRAPH = load("lineage_graph")
CLOSURE = load("closure")
FORGETTING = """
DELETE FROM pg_statistic WHERE starelid IN (
    'address'::REGCLASS, 'address_lineage'::REGCLASS, 'address_lineage_pending'::REGCLASS,
    'address_lineage_closure'::REGCLASS, 'address_lineage_reach'::REGCLASS
)
"""


@asynccontextmanager
async def rolled_back(connection: asyncpg.Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("start", {"address_name_unique", "address_lineage_pending_pk", "address_lineage_reach_pk"}),
        ("kept_downstream", {"address_lineage_closure_pk"}),
        ("kept_upstream", {"address_lineage_closure_by_descendant"}),
        ("walk_downstream", {"address_lineage_downstream"}),
        ("walk_upstream", {"address_lineage_upstream"}),
        ("walk_downstream_as_of", {"address_lineage_downstream", "address_lineage_past_downstream"}),
        ("walk_upstream_as_of", {"address_lineage_upstream", "address_lineage_past_upstream"}),
        ("edges", {"address_lineage_downstream"}),
        ("edges_as_of", {"address_lineage_downstream", "address_lineage_past_downstream"}),
        ("places", {"address_pk"}),
        ("owners", {"pipeline_pk", "pipeline_execution_by_pipeline"}),
    ],
)
async def test_questions_about_lineage_are_answered_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, GRAPH[name])
    assert scanned(found) <= {"address_type", "pipeline_type", "lineage_upkeep"}
    assert indexes(found) >= used


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("standing", {"pipeline_pk", "lineage_declaration_current_unique"}),
        ("known_addresses", {"address_name_unique"}),
        ("replace", {"address_lineage_current_unique", "lineage_declaration_pk"}),
        ("declared_as_of", {"lineage_declaration_by_pipeline"}),
        ("prune_edges", {"address_lineage_ended"}),
        ("prune_declarations", {"lineage_declaration_ended"}),
    ],
)
async def test_lineage_is_declared_and_pruned_by_index(
    connection: asyncpg.Connection, name: str, used: set[str]
) -> None:
    found = await plan(connection, LINEAGE[name])
    assert scanned(found) == set()
    assert indexes(found) >= used


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("pending", {"address_lineage_pending_pk"}),
        ("pending_spreading", {"address_lineage_pending_spreading"}),
        ("more_spreading", {"address_lineage_pending_spreading"}),
        ("done", {"address_lineage_pending_by_address"}),
        ("note", {"address_lineage_pending_by_address"}),
        ("mark", {"address_pk", "address_lineage_downstream", "address_lineage_closure_by_descendant"}),
        ("addresses", {"address_pk", "address_lineage_upstream", "address_lineage_closure_pk"}),
    ],
)
@pytest.mark.parametrize("analysed", [True, False])
async def test_the_closure_is_kept_up_by_index_whatever_is_known_of_its_tables(
    connection: asyncpg.Connection, name: str, used: set[str], analysed: bool
) -> None:
    async with rolled_back(connection):
        if not analysed:
            await connection.execute(FORGETTING)
        found = await plan(connection, CLOSURE[name])
    assert scanned(found) <= (set() if analysed else {"address"})
    assert indexes(found) >= (used if analysed else used - {"address_pk"})
