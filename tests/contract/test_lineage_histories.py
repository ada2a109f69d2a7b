"""Whatever is declared, dropped and declared again: every answer is the one that networkx gives, at every step.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import networkx
import pytest
from dependency_injector import providers
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.contract.test_histories import world
from tests.contract.twins import LoopThread
from tests.contract.world import EMPTYING, World
from tests.server import execute
from watcher.adapters.memory.jobs import MemoryJobs
from watcher.domain.address import AddressDeclaration
from watcher.domain.lineage import LineageDeclaration
from watcher.domain.lineage_graph import Direction, Graph, Route, Surroundings
from watcher.settings import MEMORY

ADDRESSES = 9
PIPELINES = 4
REACH_LIMIT = 3
"""Small, so that reaches grow beyond it and come back all the time."""

Owners = dict[int, set[tuple[int, int]]]
some_addresses = st.sets(st.integers(0, ADDRESSES - 1), max_size=3)
pipelines = st.integers(0, PIPELINES - 1)
addresses = st.integers(0, ADDRESSES - 1)


def address(number: int) -> AddressDeclaration:
    return AddressDeclaration(
        name=f"address {number}", address_type_name="postgres", address_type_group_name="database"
    )


class LineageHistories(RuleBasedStateMachine):
    """One record of lineage, and beside it what each pipeline owns, kept as sets of pairs."""

    def __init__(self, loop: LoopThread, here: World) -> None:
        super().__init__()
        self.loop, self.world = loop, here
        self.owned: Owners = {}
        self.past: list[tuple[datetime, Owners]] = []
        if here.store == "postgres":
            loop.run(execute(here.dsn, *EMPTYING))

    @initialize()
    def all_are_there(self) -> None:
        watcher = self.world.watcher
        now = self.world.clock.now()
        self.pipelines = [self.loop.run(self.world.pipeline(f"pipeline {n}")) for n in range(PIPELINES)]
        declared = [self.loop.run(watcher.addresses.declare(address(n), now)) for n in range(ADDRESSES)]
        self.addresses = [each.id for each in declared]

    @rule(which=pipelines, reads=some_addresses, writes=some_addresses)
    def declare(self, which: int, reads: set[int], writes: set[int]) -> None:
        if not reads and not writes:
            return
        declaration = LineageDeclaration(
            pipeline_id=self.pipelines[which],
            sources=[address(each) for each in sorted(reads)],
            targets=[address(each) for each in sorted(writes)],
        )
        before = self.owned.get(which, set())
        after = {(self.addresses[s], self.addresses[t]) for s in reads for t in writes}
        declared = self.loop.run(self.world.watcher.declare_lineage(declaration))
        assert (declared.created, declared.ended) == (len(after - before), len(before - after))
        self.owned = {**self.owned, which: after}

    @rule(entries=st.integers(1, 4))
    def maintain_some(self, entries: int) -> None:
        self.loop.run(self.world.watcher.closure.maintain(entries))

    @rule()
    def maintain_all(self) -> None:
        self.loop.run(self.world.watcher.maintain_closure())
        self.the_closure_is_whole()

    @rule()
    def rebuild(self) -> None:
        self.loop.run(self.world.watcher.rebuild_closure())
        self.the_closure_is_whole()

    @rule()
    def time_passes(self) -> None:
        self.past.append((self.world.clock.now(), self.owned))
        self.world.clock.instant += timedelta(minutes=1)

    @rule(
        start=addresses,
        way=st.sampled_from(Direction),
        depth=st.integers(1, 4),
        limit=st.integers(1, ADDRESSES),
    )
    def look_around(self, start: int, way: Direction, depth: int, limit: int) -> None:
        self.same_surroundings(self.owned, start, way, depth, limit, None)

    @rule(start=addresses, way=st.sampled_from(Direction), turn=st.integers(0, 100))
    def look_back(self, start: int, way: Direction, turn: int) -> None:
        if self.past:
            as_of, owned = self.past[turn % len(self.past)]
            self.same_surroundings(owned, start, way, ADDRESSES, ADDRESSES, as_of)

    @rule(start=addresses, goal=addresses)
    def find_the_way(self, start: int, goal: int) -> None:
        graph = self.graph(self.owned)
        here, there = self.addresses[start], self.addresses[goal]
        paths = self.loop.run(
            self.world.watcher.lineage_graph.between(Route(start=here, goal=there, limit=1_000))
        )
        if not networkx.has_path(graph, here, there):
            assert (paths.length, paths.paths, paths.nodes, paths.edges) == (None, (), (), ())
            return
        expected = sorted(map(list, networkx.all_shortest_paths(graph, here, there)))
        assert (paths.length, sorted(paths.paths)) == (len(expected[0]) - 1, expected)
        assert {node.id: node.depth for node in paths.nodes} == {
            each: depth for path in expected for depth, each in enumerate(path)
        }
        steps = {step for path in expected for step in zip(path, path[1:], strict=False)}
        assert {(edge.source, edge.target) for edge in paths.edges} == steps

    @invariant()
    def nobody_sees_an_older_graph(self) -> None:
        for start in range(ADDRESSES if hasattr(self, "addresses") else 0):
            self.same_surroundings(self.owned, start, Direction.BOTH, ADDRESSES, ADDRESSES, None)

    def the_closure_is_whole(self) -> None:
        verified = self.loop.run(self.world.watcher.closure.verify())
        assert (verified.pending, verified.wrong) == (0, [])
        graph = self.graph(self.owned)
        for way, side in self.loop.run(kept(self.world)).items():
            directed = graph if way is Direction.DOWNSTREAM else graph.reverse()
            for start in self.addresses:
                reach = dict(networkx.single_source_shortest_path_length(directed, start))
                del reach[start]
                assert side.get(start, {}) == (reach if len(reach) <= REACH_LIMIT else None), (way, start)

    def same_surroundings(
        self, owned: Owners, start: int, way: Direction, depth: int, limit: int, as_of: datetime | None
    ) -> None:
        question = Surroundings(
            start=self.addresses[start], direction=way, depth=depth, limit=limit, as_of=as_of
        )
        answer = self.loop.run(self.world.watcher.lineage_graph.around(question))
        self.same(answer, owned, question)

    def same(self, answer: Graph, owned: Owners, question: Surroundings) -> None:
        graph = self.graph(owned)
        depths: dict[int, int] = {}
        for way in question.direction.single():
            directed = graph if way is Direction.DOWNSTREAM else graph.reverse()
            lengths = networkx.single_source_shortest_path_length(
                directed, int(question.start), question.depth
            )
            for each, depth in dict(lengths).items():
                depths[each] = min(depth, depths.get(each, depth))
        expected = sorted(depths.items(), key=lambda item: (item[1], item[0]))
        assert [(node.id, node.depth) for node in answer.nodes] == expected[: question.limit]
        assert answer.truncated == (len(expected) > question.limit)
        shown = {each for each, _ in expected[: question.limit]}
        owners: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for which, pairs in sorted(owned.items()):
            for pair in pairs:
                owners[pair].append(self.pipelines[which])
        edges = [(edge.source, edge.target, [owner.id for owner in edge.pipelines]) for edge in answer.edges]
        assert edges == [(*pair, owners[pair]) for pair in sorted(owners) if shown.issuperset(pair)]

    def graph(self, owned: Owners) -> "networkx.DiGraph[int]":
        graph: networkx.DiGraph[int] = networkx.DiGraph()
        graph.add_nodes_from(self.addresses)
        graph.add_edges_from(pair for pairs in owned.values() for pair in pairs)
        return graph


async def kept(here: World) -> dict[Direction, dict[int, Any]]:
    """The reaches that the closure keeps, None where they are too large; read from the store itself."""
    if here.store == "memory":
        return here.container.memory_closure().reaches
    return await kept_in_tables(here.dsn)


async def kept_in_tables(dsn: str) -> dict[Direction, dict[int, Any]]:
    import asyncpg

    found: dict[Direction, dict[int, Any]] = {}
    connection = await asyncpg.connect(dsn)
    try:
        pairs = await connection.fetch("SELECT * FROM address_lineage_closure")
        for way in Direction.BOTH.single():
            counts = await connection.fetch(f"SELECT address_id, {way} FROM address_lineage_reach")
            side: dict[int, Any] = {each: {} if count is not None else None for each, count in counts}
            start, end = ("ancestor_id", "descendant_id")[:: 1 if way is Direction.DOWNSTREAM else -1]
            for row in pairs:
                if row[way]:
                    side[row[start]][row[end]] = row["depth"]
            assert all(count == len(side[each] or ()) for each, count in counts if count is not None)
            found[way] = side
    finally:
        await connection.close()
    return found


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


def played(loop: LoopThread, here: World, **options: Any) -> None:
    class HistoriesHere(LineageHistories):
        def __init__(self) -> None:
            super().__init__(loop, here if here.store == "postgres" else prepared("memory", MEMORY))

    run_state_machine_as_test(HistoriesHere, settings=settings(stateful_step_count=30, **options))


def prepared(store: str, dsn: str) -> World:
    here = world(store, dsn)
    here.container.reach_limit.override(providers.Object(REACH_LIMIT))
    here.container.jobs.override(providers.Object(MemoryJobs()))
    return here


def test_every_history_of_lineage_is_that_of_networkx_in_memory(loop: LoopThread) -> None:
    played(loop, prepared("memory", MEMORY))


def test_every_history_of_lineage_is_that_of_networkx_in_postgres(loop: LoopThread, database: str) -> None:
    here = prepared("postgres", database)
    try:
        played(loop, here)
    finally:
        loop.run(here.container.database().close())
