"""Whatever is declared, dropped and declared again: every answer is the one that networkx gives, at every step.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from dependency_injector import providers
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.contract.lineage_model import Declared, Model
from tests.contract.reaches import kept_reaches, true_reaches
from tests.contract.test_histories import world
from tests.contract.twins import OwnLoop
from tests.contract.world import EMPTYING, World, placed
from tests.server import execute
from watcher.adapters.memory.jobs import MemoryJobs
from watcher.domain.address import AddressNotFound
from watcher.domain.lineage import HistoryPruned, LineageDeclaration, LineageDeclared, Outcome
from watcher.domain.lineage_graph import Direction, Impact, Route, Surroundings
from watcher.settings import MEMORY

ADDRESSES = 9
PIPELINES = 4
REACH_LIMIT = 3
"""Small, so that reaches grow beyond it and come back all the time."""

STARTS_AT_EACH_STEP = 2
POSTGRES_SHARE = 2
"""PostgreSQL lives through one history for so many in memory."""

some_addresses = st.sets(st.integers(0, ADDRESSES - 1), max_size=3)
pipelines = st.integers(0, PIPELINES - 1)
addresses = st.integers(0, ADDRESSES - 1)
ways = st.sampled_from(Direction)
declarations = st.tuples(pipelines, some_addresses, some_addresses).filter(lambda drawn: drawn[1] | drawn[2])
Drawn = tuple[int, set[int], set[int]]


@dataclass(slots=True)
class Told:
    """How much was tried."""

    histories: int = 0
    steps: int = 0
    questions: int = 0


class LineageHistories(RuleBasedStateMachine):
    """One record of lineage, and beside it what each pipeline declared."""

    def __init__(self, loop: OwnLoop, here: World, told: Told) -> None:
        super().__init__()
        self.loop, self.world, self.watcher, self.told = loop, here, here.watcher, told
        self.model = Model()
        self.past: list[tuple[datetime, Model]] = []
        self.kept_since: datetime | None = None
        self.turn = 0
        told.histories += 1
        if here.store == "postgres":
            loop.run(execute(here.dsn, ";".join(EMPTYING)))

    @initialize()
    def all_are_there(self) -> None:
        self.names = [f"address {number}" for number in range(ADDRESSES)]
        self.pipelines = [self.loop.run(self.world.pipeline(f"pipeline {n}")) for n in range(PIPELINES)]
        self.addresses = [self.loop.run(self.world.address(name)) for name in self.names]

    @rule(drawn=declarations)
    def declare(self, drawn: Drawn) -> None:
        self.declared(drawn, self.loop.run(self.watcher.declare_lineage(self.declaration(drawn))))

    @rule(drawn=st.lists(declarations, min_size=2, max_size=PIPELINES, unique_by=lambda each: each[0]))
    def declare_at_once(self, drawn: list[Drawn]) -> None:
        for one, answer in zip(drawn, self.loop.run(self.all_declared(drawn)), strict=True):
            self.declared(one, answer)

    @rule(which=pipelines, drawn=st.lists(declarations, min_size=2, max_size=3))
    def replace_one_at_once(self, which: int, drawn: list[Drawn]) -> None:
        """One of them is the last, and stands whole."""
        drawn = [(which, reads, writes) for _, reads, writes in drawn]
        self.loop.run(self.all_declared(drawn))
        held = self.loop.run(self.watcher.lineage.of_pipeline(self.pipelines[which]))
        assert held.declared_at in {self.model.last(held.pipeline_id).declared_at, self.world.clock.now()}
        ids = [each.id for each in held.sources], [each.id for each in held.targets]
        last = next(each for each in map(self.said, drawn) if each.ids() == ids)
        self.model = self.model.put(held.pipeline_id, replace(last, declared_at=held.declared_at))

    @rule(drawn=declarations, entries=st.integers(1, 4))
    def declare_while_the_closure_is_maintained(self, drawn: Drawn, entries: int) -> None:
        async def both() -> LineageDeclared:
            declaration = self.declaration(drawn)
            answer, _ = await asyncio.gather(
                self.watcher.declare_lineage(declaration), self.watcher.closure.maintain(entries)
            )
            return answer

        self.declared(drawn, self.loop.run(both()))

    @rule(which=addresses)
    def rename(self, which: int) -> None:
        old, new = self.names[which], f"Address {which}, {self.turn}"
        self.names[which] = new
        change = self.watcher.change_address(self.addresses[which], {"name": new})
        assert self.loop.run(change).name == new
        question = Surroundings(start=new.upper(), depth=2)
        graph = self.loop.run(self.watcher.lineage_graph.around(question))
        assert graph.nodes[0].name == new
        self.model.check_graph(graph, question, self.addresses[which])
        with pytest.raises(AddressNotFound):
            self.loop.run(self.watcher.lineage_graph.around(Surroundings(start=old)))

    @rule(entries=st.integers(1, 4))
    def maintain_some(self, entries: int) -> None:
        self.loop.run(self.watcher.closure.maintain(entries))

    @rule()
    def maintain_all(self) -> None:
        self.loop.run(self.watcher.maintain_closure())
        self.the_closure_is_whole()

    @rule()
    def rebuild(self) -> None:
        self.loop.run(self.watcher.rebuild_closure())
        self.the_closure_is_whole()

    @rule()
    def time_passes(self) -> None:
        self.past.append((self.world.clock.now(), self.model))
        self.world.clock.instant += timedelta(minutes=1)

    @rule(turn=st.integers(0, 100))
    def prune(self, turn: int) -> None:
        if self.past:
            before = self.past[turn % len(self.past)][0]
            while self.loop.run(self.watcher.lineage.prune(before, 3)):
                pass
            self.kept_since = max(before, self.kept_since or before)

    @rule(start=addresses, way=ways, depth=st.integers(1, 4), limit=st.integers(1, ADDRESSES))
    def look_around(self, start: int, way: Direction, depth: int, limit: int) -> None:
        self.check_around(start, way, depth, limit)

    @rule(start=addresses, way=ways, which=pipelines, turn=st.integers(0, 100), seconds=st.integers(0, 59))
    def look_back(self, start: int, way: Direction, which: int, turn: int, seconds: int) -> None:
        if not self.past:
            return
        as_of, model = self.past[turn % len(self.past)]
        as_of += timedelta(seconds=seconds)
        question = Surroundings(start=self.addresses[start], direction=way, as_of=as_of)
        if self.kept_since is not None and as_of < self.kept_since:
            for refused in (
                self.watcher.lineage_graph.around(question),
                self.watcher.lineage.of_pipeline(self.pipelines[which], as_of),
            ):
                with pytest.raises(HistoryPruned):
                    self.loop.run(refused)
            return
        graph = self.loop.run(self.watcher.lineage_graph.around(question))
        model.check_graph(graph, question, self.addresses[start])
        self.check_of_pipeline(model, which, as_of)

    @rule(start=addresses, goal=addresses, limit=st.sampled_from([1, 2, 1_000]))
    def find_the_way(self, start: int, goal: int, limit: int) -> None:
        here, there = self.addresses[start], self.addresses[goal]
        question = Route(start=here, goal=there, limit=limit)
        paths = self.loop.run(self.watcher.lineage_graph.between(question))
        self.model.check_paths(paths, question, here, there)

    @rule(start=addresses)
    def tell_the_impact(self, start: int) -> None:
        question = Surroundings(start=self.addresses[start], direction=Direction.DOWNSTREAM)
        graph = self.loop.run(self.watcher.lineage_graph.around(question))
        self.model.check_impact(Impact.of(graph), self.addresses[start])

    @rule(which=pipelines)
    def ask_a_pipeline(self, which: int) -> None:
        self.check_of_pipeline(self.model, which, None)

    @invariant()
    def nobody_sees_an_older_graph(self) -> None:
        self.told.steps += 1
        if hasattr(self, "addresses"):
            for _ in range(STARTS_AT_EACH_STEP):
                self.turn += 1
                self.check_around(self.turn % ADDRESSES, Direction.BOTH, ADDRESSES, ADDRESSES)

    def the_closure_is_whole(self) -> None:
        verified = self.loop.run(self.watcher.closure.verify())
        assert (verified.pending, verified.wrong) == (0, [])
        assert self.loop.run(kept_reaches(self.world)) == true_reaches(self.model.pairs(), REACH_LIMIT)

    def check_around(self, start: int, way: Direction, depth: int, limit: int) -> None:
        self.told.questions += 1
        here = self.addresses[start]
        question = Surroundings(start=here, direction=way, depth=depth, limit=limit)
        self.model.check_graph(self.loop.run(self.watcher.lineage_graph.around(question)), question, here)

    def check_of_pipeline(self, model: Model, which: int, as_of: datetime | None) -> None:
        held = self.loop.run(self.watcher.lineage.of_pipeline(self.pipelines[which], as_of))
        expected = model.last(self.pipelines[which])
        assert ([each.id for each in held.sources], [each.id for each in held.targets]) == expected.ids()
        assert held.declared_at == expected.declared_at

    def declared(self, drawn: Drawn, answer: LineageDeclared) -> None:
        pipeline_id, said = self.pipelines[drawn[0]], self.said(drawn)
        before = self.model.last(pipeline_id)
        assert (answer.outcome is Outcome.UNCHANGED) == before.same(said)
        assert (answer.created, answer.ended) == (
            len(said.pairs - before.pairs),
            len(before.pairs - said.pairs),
        )
        self.model = self.model.replaced(pipeline_id, said)

    def said(self, drawn: Drawn) -> Declared:
        ids = dict(zip(self.names, self.addresses, strict=True))
        reads, writes = ([self.names[each] for each in side] for side in drawn[1:])
        return Declared(
            {name: ids[name] for name in reads}, {name: ids[name] for name in writes}, self.world.clock.now()
        )

    def declaration(self, drawn: Drawn) -> LineageDeclaration:
        which, reads, writes = drawn
        return LineageDeclaration(
            pipeline_id=self.pipelines[which],
            sources=[placed(self.names[each]) for each in reads],
            targets=[placed(self.names[each].upper()) for each in writes],
        )

    async def all_declared(self, drawn: list[Drawn]) -> list[LineageDeclared]:
        declarations = [self.declaration(each) for each in drawn]
        return await asyncio.gather(*(self.watcher.declare_lineage(each) for each in declarations))


def prepared(store: str, dsn: str) -> World:
    here = world(store, dsn)
    here.container.reach_limit.override(providers.Object(REACH_LIMIT))
    here.container.jobs.override(providers.Object(MemoryJobs()))
    return here


def played(loop: OwnLoop, here: World, **options: Any) -> str:
    told = Told()

    class HistoriesHere(LineageHistories):
        def __init__(self) -> None:
            super().__init__(loop, here if here.store == "postgres" else prepared("memory", MEMORY), told)

    run_state_machine_as_test(HistoriesHere, settings=settings(stateful_step_count=20, **options))
    return (
        f"\nLineage in {here.store}: {told.histories:,} histories, {told.steps:,} steps, "
        f"{told.questions:,} surroundings compared\n"
    )


def test_every_history_of_lineage_is_that_of_networkx_in_memory(
    loop: OwnLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    told = played(loop, prepared("memory", MEMORY))
    with capsys.disabled():
        sys.stdout.write(told)


def test_every_history_of_lineage_is_that_of_networkx_in_postgres(
    loop: OwnLoop, fresh_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = prepared("postgres", fresh_database)
    try:
        told = played(loop, here, max_examples=settings().max_examples // POSTGRES_SHARE)
    finally:
        loop.run(here.container.database().close())
    with capsys.disabled():
        sys.stdout.write(told)
