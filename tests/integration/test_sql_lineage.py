"""Questions about lineage, and declaring it, find their rows by an index however many there are."""

import asyncpg
import pytest

from tests.integration.plans import indexes, plan, scanned
from watcher.adapters.postgres.queries import load

LINEAGE = load("lineage")
GRAPH = load("lineage_graph")


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
