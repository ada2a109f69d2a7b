"""Any history means the same in memory and in PostgreSQL. `HYPOTHESIS_PROFILE=thorough` tries many more."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from dependency_injector import providers
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pydantic import SecretStr

from tests.contract import histories
from tests.contract.conftest import connections_in_use
from tests.contract.twins import OwnLoop, Twins
from tests.contract.world import EMPTYING, NOBODY, StoppedClock, World, at, declaration
from tests.server import execute
from watcher.adapters.memory.jobs import MemoryJobs
from watcher.container import Container
from watcher.domain.execution import End, Outcome, Record, Start
from watcher.domain.executions import ExecutionFilter, Status
from watcher.domain.page import Page
from watcher.domain.pipeline import PipelineChanges, PipelineDeclaration
from watcher.domain.pipeline_type import PipelineTypeChanges, PipelineTypeDeclaration
from watcher.settings import MEMORY, Settings

ROUND = 6


def world(store: str, dsn: str) -> World:
    container = Container(settings=Settings(database_url=SecretStr(dsn)))
    clock = StoppedClock()
    container.clock.override(providers.Object(clock))
    container.jobs.override(providers.Object(MemoryJobs()))
    return World(store, dsn, container, clock)


def lived(
    machine: Callable[[OwnLoop, World], RuleBasedStateMachine], loop: OwnLoop, dsn: str, *, steps: int
) -> None:
    """Many histories of so many steps, each on the same database."""
    postgres = world("postgres", dsn)
    try:
        run_state_machine_as_test(
            lambda: machine(loop, postgres),  # type: ignore[arg-type] # a factory will do
            settings=settings(stateful_step_count=steps),
        )
    finally:
        loop.run(postgres.container.database().close())


class Histories(RuleBasedStateMachine):
    """One history at a time, on a record that is empty at its beginning."""

    def __init__(self, loop: OwnLoop, postgres: World) -> None:
        super().__init__()
        self.loop = loop
        self.twins = Twins(world("memory", MEMORY), postgres)
        loop.run(execute(postgres.dsn, *EMPTYING))

    @initialize()
    def two_pipelines_are_there(self) -> None:
        marked = declaration("visits", next_watermark="v")
        self.loop.run(self.twins.declare([declaration("orders"), marked]))
        self.loop.run(self.twins.agree())

    @rule(declared=histories.lists_of_declarations, twice=st.booleans())
    def declare(self, declared: list[PipelineDeclaration], twice: bool) -> None:
        self.loop.run(self.twins.declare(declared + declared[: int(twice)]))

    @rule(declared=histories.lists_of_declarations)
    def declare_at_once(self, declared: list[PipelineDeclaration]) -> None:
        one_spelling = [
            replace(each, pipeline_type_name=each.pipeline_type_name.lower()) for each in declared
        ]
        self.loop.run(self.twins.declare_at_once(one_spelling))

    @rule(declared=histories.type_declarations())
    def declare_type(self, declared: PipelineTypeDeclaration) -> None:
        self.loop.run(self.twins.declare_type(declared))

    @rule(which=histories.turns | histories.pipeline_names, changes=histories.changes)
    def change(self, which: int | str, changes: PipelineChanges) -> None:
        if "pipeline_type_id" in changes:
            identity = nth(self.twins.pipeline_types, changes["pipeline_type_id"])
            changes = {**changes, "pipeline_type_id": identity}
        reference = which if isinstance(which, str) else nth(self.twins.pipelines, which)
        self.loop.run(self.twins.change(reference, changes))

    @rule(which=histories.turns | histories.type_names, changes=histories.type_changes)
    def change_type(self, which: int | str, changes: PipelineTypeChanges) -> None:
        reference = which if isinstance(which, str) else nth(self.twins.pipeline_types, which)
        self.loop.run(self.twins.change_type(reference, changes))

    @rule(starts=st.lists(histories.starts, max_size=ROUND))
    def start(self, starts: list[dict[str, Any]]) -> None:
        self.loop.run(self.twins.start([self._start(each) for each in starts]))

    @rule(ends=st.lists(st.tuples(histories.turns, histories.outcomes), max_size=ROUND))
    def end(self, ends: list[tuple[int, Outcome]]) -> None:
        self.loop.run(self.twins.end(self._ends(ends)))

    @rule(records=st.lists(histories.records, max_size=ROUND))
    def record(self, records: list[tuple[dict[str, Any], int, Outcome]]) -> None:
        taken = []
        for fields, seconds, outcome in records:
            start = self._start(fields)
            end_date = start.start_date + timedelta(seconds=seconds)
            taken.append(Record(start, replace(outcome, end_date=end_date)))
        self.loop.run(self.twins.record(taken))

    @rule(
        starts=st.lists(histories.starts, max_size=ROUND),
        ends=st.lists(st.tuples(histories.turns, histories.outcomes), max_size=ROUND),
    )
    def start_and_end_at_once(self, starts: list[dict[str, Any]], ends: list[tuple[int, Outcome]]) -> None:
        """Of runs with the same pipeline and start, whose order counts, one."""
        alone: dict[object, End] = {}
        for end in self._ends(ends):
            alone.setdefault(self.loop.run(self._rival(end.id)), end)
        begun = [self._start(each) for each in starts]
        self.loop.run(self.twins.start_and_end_at_once(begun, list(alone.values())))

    @rule(
        pipeline=st.none() | histories.turns,
        parent=st.none() | histories.turns,
        status=st.sampled_from([None, *Status]),
        bounds=st.tuples(histories.instants, histories.instants),
        limit=st.integers(1, 4),
        after=st.none() | histories.turns,
    )
    def page(self, bounds: tuple[Any, Any], limit: int, status: Status | None, **turns: int | None) -> None:
        pipeline, parent, after = turns["pipeline"], turns["parent"], turns["after"]
        wanted = ExecutionFilter(
            pipeline_id=None if pipeline is None else nth(self.twins.pipelines, pipeline),
            parent_id=None if parent is None else nth(self.twins.runs, parent),
            status=status,
            started_after=bounds[0],
            started_before=bounds[1],
        )
        cursor = None if after is None else nth(self.twins.runs, after)
        self.loop.run(self.twins.same_page(wanted, Page(limit=limit, after=cursor)))

    @rule()
    def time_passes(self) -> None:
        self.twins.memory.clock.instant += timedelta(minutes=1)

    @invariant()
    def both_agree(self) -> None:
        self.loop.run(self.twins.agree())

    def teardown(self) -> None:
        self.loop.run(self.twins.same_trees(list(self.twins.runs)[1:]))
        assert connections_in_use(self.twins.postgres.container) == 0

    def _start(self, fields: dict[str, Any]) -> Start:
        parent = fields["parent"]
        return Start(
            pipeline_id=nth(self.twins.pipelines, fields["pipeline"]),
            start_date=at(fields["seconds"]),
            parent_id=None if parent is None else nth(self.twins.runs, parent),
            watermark=fields["watermark"],
            next_watermark=fields["next_watermark"],
            external_id=fields["external_id"],
        )

    def _ends(self, ends: Sequence[tuple[int, Outcome]]) -> list[End]:
        return [End(nth(self.twins.runs, turn), outcome) for turn, outcome in ends]

    async def _rival(self, identity: int) -> object:
        if identity == NOBODY:
            return identity
        run = await self.twins.memory.execution(identity)
        return run.pipeline_id, run.start_date


def nth(identities: dict[int, int], turn: int) -> int:
    """One of the last rows on record, counted round and round, or one that does not exist."""
    known = [identity for identity in identities if identity != NOBODY]
    return NOBODY if turn == ROUND or not known else known[-1 - turn % len(known)]


def test_every_history_means_the_same_in_both_worlds(loop: OwnLoop, fresh_database: str) -> None:
    lived(Histories, loop, fresh_database, steps=30)
