"""Large declarations: as many statements as small ones, and bounds that are said."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from tests.contract.world import World, at, placed
from tests.server import fetch
from watcher.adapters.memory import lineage_graph as memory_graph
from watcher.adapters.postgres import lineage_graph as postgres_graph
from watcher.adapters.postgres.connections import Connection
from watcher.domain import lineage_paths, lineage_walks
from watcher.domain.lineage import LineageDeclaration, Outcome
from watcher.domain.lineage_graph import Direction, Route, Surroundings
from watcher.settings import MEMORY

on_postgres = pytest.mark.parametrize("store", ["postgres"])


@pytest.fixture
def dsn(store: str, request: pytest.FixtureRequest) -> str:
    """A database of the test's own: emptying one of so many rows takes longer than making another."""
    return MEMORY if store == "memory" else str(request.getfixturevalue("fresh_database"))


@pytest.fixture
def database_timeout() -> float:
    """A declaration of 99,000 edges takes three seconds, and more beside other tests."""
    return 60.0


def declared(pipeline_id: int, sources: int, targets: int, **fields: Any) -> LineageDeclaration:
    return LineageDeclaration(
        pipeline_id=pipeline_id,
        sources=[placed(f"source {number}", **fields) for number in range(sources)],
        targets=[placed(f"target {number}", **fields) for number in range(targets)],
    )


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement on any connection, for the length of the block."""
    statements: list[str] = []

    def listening(verb: str) -> Any:
        original = getattr(asyncpg.Connection, verb)

        async def heard(self: Connection, query: str, *arguments: object, **options: Any) -> Any:
            statements.append(query)
            return await original(self, query, *arguments, **options)

        return heard

    with monkeypatch.context() as patched:
        for verb in ("execute", "fetch", "fetchrow"):
            patched.setattr(asyncpg.Connection, verb, listening(verb))
        yield statements


@on_postgres
async def test_a_large_declaration_takes_as_many_statements_as_a_small_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for turn, (sources, targets) in enumerate([(3, 2), (400, 100), (3, 2), (400, 100)]):
        pipeline_id = await world.pipeline(f"pipeline {turn}")
        content = {"address_type_name": f"type {turn}", "primary_key": f"key {turn}"}
        world.clock.instant = at(turn)
        with counted(monkeypatch) as statements:
            answer = await world.watcher.declare_lineage(declared(pipeline_id, sources, targets, **content))
        assert answer.created == sources * targets
        counts.append(len(statements))
    assert max(counts) <= 12
    assert max(counts[:2]) - min(counts[:2]) <= 1, "all new; planned anew where there are many"
    assert max(counts[2:]) - min(counts[2:]) <= 1, "all changed"


@on_postgres
async def test_an_unchanged_declaration_takes_one_statement_and_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline_id = await world.pipeline()
    await world.watcher.declare_lineage(declared(pipeline_id, 3, 2))
    before = await fetch(world.dsn, WRITTEN)
    with counted(monkeypatch) as statements:
        answer = await world.watcher.declare_lineage(declared(pipeline_id, 3, 2))
    assert answer.outcome is Outcome.UNCHANGED
    assert len(statements) == 1
    assert await fetch(world.dsn, WRITTEN) == before


WRITTEN = """
SELECT 'declaration', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM lineage_declaration
UNION ALL
SELECT 'edge', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM address_lineage
UNION ALL
SELECT 'pending', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM address_lineage_pending
UNION ALL
SELECT 'address', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM address
UNION ALL
SELECT 'type', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM address_type
UNION ALL
SELECT 'pipeline', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM pipeline
ORDER BY 1, 2
"""


@on_postgres
async def test_edges_among_known_addresses_change_in_three_statements(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline_id = await world.pipeline()
    await world.watcher.declare_lineage(declared(pipeline_id, 3, 2))
    with counted(monkeypatch) as statements:
        answer = await world.watcher.declare_lineage(declared(pipeline_id, 2, 2))
    assert (answer.ended, len(statements)) == (2, 3)


@on_postgres
async def test_what_a_change_leaves_alone_is_not_written(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.watcher.declare_lineage(declared(pipeline_id, 3, 2))
    await world.watcher.maintain_closure()
    before = {row[:3] for row in await fetch(world.dsn, WRITTEN)}
    await world.watcher.declare_lineage(declared(pipeline_id, 3, 1))
    after = {row[:3] for row in await fetch(world.dsn, WRITTEN)}
    assert sorted(row[0] for row in after - before if isinstance(row[0], str)) == (
        ["declaration"] * 2 + ["edge"] * 3 + ["pending"] * 4
    )


async def test_ten_thousand_addresses_in_one_declaration_work(world: World) -> None:
    pipeline_id = await world.pipeline()
    answer = await world.watcher.declare_lineage(declared(pipeline_id, 9_900, 10))
    assert answer.created == 99_000
    question = Surroundings(start="target 3", direction=Direction.UPSTREAM, limit=10_000)
    graph = await world.watcher.lineage_graph.around(question)
    assert (len(graph.nodes), len(graph.edges), graph.truncated) == (9_901, 9_900, False)
    assert (await world.watcher.declare_lineage(declared(pipeline_id, 9_900, 9))).ended == 9_900
    held = await world.watcher.lineage.of_pipeline(pipeline_id)
    assert (len(held.sources), len(held.targets)) == (9_900, 9)


@pytest.fixture
def few_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for adapter in (memory_graph, postgres_graph):
        monkeypatch.setattr(adapter, "EDGES_SHOWN", 5)


@pytest.mark.usefixtures("few_are_shown")
async def test_more_edges_than_are_shown_are_cut_off_and_that_is_said(world: World) -> None:
    await world.watcher.declare_lineage(declared(await world.pipeline(), 2, 3))
    graph = await world.watcher.lineage_graph.around(Surroundings(start="source 0", depth=1))
    assert (len(graph.nodes), len(graph.edges), graph.truncated) == (4, 3, False)
    graph = await world.watcher.lineage_graph.around(Surroundings(start="target 0"))
    assert (len(graph.nodes), len(graph.edges), graph.truncated) == (3, 2, False)
    await world.lineage(await world.pipeline("last"), ["start"], ["source 0", "source 1"])
    question = Surroundings(start="start", direction=Direction.DOWNSTREAM)
    graph = await world.watcher.lineage_graph.around(question)
    assert (len(graph.nodes), len(graph.edges), graph.truncated) == (6, 5, True)


async def test_paths_among_more_edges_than_are_shown_are_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.watcher.declare_lineage(declared(await world.pipeline(), 3, 3))
    await world.lineage(await world.pipeline("begin"), ["start"], [f"source {each}" for each in range(3)])
    await world.lineage(await world.pipeline("end"), [f"target {each}" for each in range(3)], ["goal"])
    route = Route(start="start", goal="goal")
    whole = await world.watcher.lineage_graph.between(route)
    assert (whole.length, len(whole.paths), len(whole.nodes), whole.truncated) == (3, 9, 8, False)
    for bound, most in (("EDGES_SHOWN", 5), ("NODES_LIMIT", 6), ("PATHS_LENGTH", 9)):
        with monkeypatch.context() as patched:
            patched.setattr(lineage_paths, bound, most)
            for as_of in (None, world.clock.now()):
                asked = Route(start="start", goal="goal", as_of=as_of)
                some = await world.watcher.lineage_graph.between(asked)
                assert (some.length, some.truncated) == (3, True)
                assert some.paths
                assert {tuple(path) for path in some.paths} < {tuple(path) for path in whole.paths}
                shown = {(edge.source, edge.target) for edge in some.edges}
                assert all(shown.issuperset(pairwise(path)) for path in some.paths)


async def test_of_the_pipelines_that_own_an_edge_the_oldest_are_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for adapter in (lineage_walks, postgres_graph):
        monkeypatch.setattr(adapter, "OWNERS_SHOWN", 2)
    ids = [await world.pipeline(f"pipeline {each}") for each in range(3)]
    for pipeline_id in ids[:2]:
        await world.lineage(pipeline_id, ["a"], ["b"])
    for as_of in (None, world.clock.now()):
        assert not (await world.watcher.lineage_graph.around(Surroundings(start="a", as_of=as_of))).truncated
    await world.lineage(ids[2], ["a"], ["b"])
    for as_of in (None, world.clock.now()):
        graph = await world.watcher.lineage_graph.around(Surroundings(start="a", as_of=as_of))
        paths = await world.watcher.lineage_graph.between(Route(start="a", goal="b", as_of=as_of))
        for answer in (graph, paths):
            (edge,) = answer.edges
            assert ([owner.id for owner in edge.pipelines], answer.truncated) == (ids[:2], True)
