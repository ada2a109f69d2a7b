"""Many who declare at the same moment: nobody fails, nothing is there twice, every declaration stands whole."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from time import monotonic

import pytest

from tests.contract.world import World, at, placed
from tests.server import fetch
from watcher.domain.address import AddressNameTaken, AddressNotFound
from watcher.domain.address_type import AddressTypeNotFound
from watcher.domain.errors import StoreBusy
from watcher.domain.lineage import (
    LineageDeclaration,
    LineageDeclared,
    Outcome,
    Replacement,
    Standing,
)
from watcher.domain.lineage_graph import Surroundings

CLIENTS = 24

on_postgres = pytest.mark.parametrize("store", ["postgres"])


async def stands(world: World, pipeline_id: int) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """What a pipeline reads and writes, and its edges, by names."""
    held = await world.watcher.lineage.of_pipeline(pipeline_id)
    names = {each.id: each.name for each in (*held.sources, *held.targets)}
    found = set()
    for identity in names:
        for edge in (await world.watcher.lineage_graph.around(Surroundings(start=identity, depth=1))).edges:
            if pipeline_id in {owner.id for owner in edge.pipelines}:
                found.add((names[edge.source], names[edge.target]))
    return {names[each.id] for each in held.sources}, {names[each.id] for each in held.targets}, found


@pytest.mark.parametrize("turn", range(3))
async def test_crowds_that_declare_the_same_new_addresses_meet_no_error_and_no_duplicate(
    world: World, turn: int
) -> None:
    dice = Random(turn)
    names = [f"new {number}" for number in range(30)]
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(CLIENTS)]
    declarations = [
        LineageDeclaration(
            pipeline_id=pipeline_id,
            sources=[placed(name, address_type_name=f"type {turn % 3}") for name in dice.sample(names, 12)],
            targets=[placed(name.upper(), primary_key=f"key {turn % 3}") for name in dice.sample(names, 6)],
        )
        for turn, pipeline_id in enumerate(pipelines)
    ]
    answers = await asyncio.gather(*(world.watcher.declare_lineage(each) for each in declarations))
    assert [answer.created for answer in answers] == [72] * CLIENTS
    rows = await world.all_addresses()
    assert len({row.name.lower() for row in rows}) == len(rows) <= 30
    for declaration in dice.sample(declarations, 5):
        sources, targets, edges = await stands(world, declaration.pipeline_id)
        assert {name.lower() for name in sources} == {each.name for each in declaration.sources}
        assert {name.lower() for name in targets} == {each.name.lower() for each in declaration.targets}
        assert edges == {(source, target) for source in sources for target in targets}
    await world.watcher.maintain_closure()
    assert (await world.watcher.closure.verify()).wrong == []


@pytest.mark.parametrize("turn", range(3))
async def test_of_crowds_that_replace_one_lineage_one_stands_whole(world: World, turn: int) -> None:
    pipeline_id = await world.pipeline()
    if turn:
        await world.lineage(pipeline_id, ["before"], ["after"])
    answers = await asyncio.gather(
        *(
            world.lineage(pipeline_id, [f"s{client}", "all"], [f"t{client}", f"t{client % 3}"])
            for client in range(CLIENTS)
        )
    )
    assert {answer.outcome for answer in answers} == {Outcome.REPLACED}
    sources, targets, edges = await stands(world, pipeline_id)
    (client,) = [each[1:] for each in sources if each != "all"]
    assert (sources, targets) == ({f"s{client}", "all"}, {f"t{client}", f"t{int(client) % 3}"})
    assert edges == {(source, target) for source in sources for target in targets}
    assert sum(answer.created - answer.ended for answer in answers) + bool(turn) == len(edges)


async def test_of_crowds_that_declare_the_same_one_replaces_and_the_others_change_nothing(
    world: World,
) -> None:
    pipeline_id = await world.pipeline()
    answers = await asyncio.gather(*(world.lineage(pipeline_id, ["a"], ["b"]) for _ in range(CLIENTS)))
    assert Counter(answer.outcome for answer in answers) == {
        Outcome.REPLACED: 1,
        Outcome.UNCHANGED: CLIENTS - 1,
    }


async def test_of_two_who_saw_the_same_version_one_is_turned_away(world: World) -> None:
    pipeline_id = await world.pipeline()
    lineage = world.watcher.lineage
    for _ in range(3):
        version = await version_of(world, pipeline_id)
        one, other = declared(pipeline_id, "a", f"b{version}"), declared(pipeline_id, "c", f"d{version}")
        found = await asyncio.gather(
            *(lineage.replace([Replacement(each, version, at(0))]) for each in (one, other))
        )
        answers = [answer for (answer,) in found]
        assert sum(answer is None for answer in answers) == 1
        winner = (one, other)[answers.index(None) ^ 1]
        sources, targets, edges = await stands(world, pipeline_id)
        assert (sources, targets) == ({winner.sources[0].name}, {winner.targets[0].name})
        assert edges == {(winner.sources[0].name, winner.targets[0].name)}


async def test_a_version_that_was_replaced_changes_nothing(world: World) -> None:
    pipeline_id = await world.pipeline()
    lineage = world.watcher.lineage
    await world.lineage(pipeline_id, ["a"], ["b"])
    old = await version_of(world, pipeline_id)
    await world.lineage(pipeline_id, ["a"], ["c"])
    for version in (old, None):
        assert await lineage.replace([Replacement(declared(pipeline_id, "x", "y"), version, at(0))]) == [None]
    assert await stands(world, pipeline_id) == ({"a"}, {"c"}, {("a", "c")})


async def version_of(world: World, pipeline_id: int) -> int | None:
    (standing,) = await world.watcher.lineage.standing([declared(pipeline_id, "x", "y")])
    assert isinstance(standing, Standing)
    return standing.version


def declared(pipeline_id: int, source: str, target: str) -> LineageDeclaration:
    return LineageDeclaration(pipeline_id=pipeline_id, sources=[placed(source)], targets=[placed(target)])


SECONDS = 2.0


class Crowd:
    """Clients that write and read the same few rows in every way there is, for a while."""

    def __init__(self, world: World, pipelines: Sequence[int], *, renaming: bool) -> None:
        self.world, self.watcher, self.pipelines = world, world.watcher, pipelines
        self.works = [self.declares, self.declares, self.places, self.regroups, self.maintains]
        self.works += [self.prunes, self.asks, *[self.renames] * renaming]
        self.names = [f"address {number}" for number in range(12)]
        self.dice = Random(3)
        self.counts = Counter[str]()
        self.end = monotonic() + SECONDS

    async def declares(self) -> None:
        dice = self.dice
        sides = [
            placed(name, address_type_name=dice.choice("tu"), primary_key=dice.choice("kl"))
            for name in dice.sample(self.names, 6)
        ]
        targets = sides[dice.choice([2, 3]) :]
        await self.watcher.declare_lineage(
            LineageDeclaration(pipeline_id=dice.choice(self.pipelines), sources=sides[:3], targets=targets)
        )

    async def places(self) -> None:
        name, kind = self.dice.choice(self.names), self.dice.choice("tu")
        await self.world.address(name, address_type_name=kind, table_name=self.dice.choice("ab"))

    async def renames(self) -> None:
        """There and back."""
        old = self.dice.choice(self.names)
        new = f"{old}, away"
        if self.dice.random() < 0.5:
            old, new = new, old
        await self.watcher.change_address(old, {"name": new})

    async def regroups(self) -> None:
        await self.watcher.change_address_type(self.dice.choice("tu"), {"group_name": self.dice.choice("gh")})

    async def maintains(self) -> None:
        await self.watcher.closure.maintain(self.dice.choice([3, 50]))

    async def prunes(self) -> None:
        await self.watcher.lineage.prune(self.world.clock.now(), 10)

    async def asks(self) -> None:
        await self.watcher.lineage_graph.around(Surroundings(start=self.dice.choice(self.names)))

    async def client(self) -> None:
        while monotonic() < self.end:
            work = self.dice.choice(self.works)
            self.world.clock.instant = at(self.dice.random() * 1_000)
            try:
                await work()
            except (AddressNotFound, AddressTypeNotFound, AddressNameTaken, StoreBusy) as refusal:
                self.counts[f"{work.__name__}: {refusal.slug()}"] += 1
            else:
                self.counts[work.__name__] += 1


@on_postgres
@pytest.mark.parametrize("renaming", [False, True])
async def test_nobody_waits_in_a_circle_whoever_declares_and_maintains(world: World, renaming: bool) -> None:
    """Only names that go while they are declared may keep somebody waiting until one is told to come again."""
    crowd = Crowd(
        world, [await world.pipeline(f"pipeline {number}") for number in range(6)], renaming=renaming
    )
    await asyncio.gather(*(crowd.client() for _ in range(16)))
    assert {"declares", "places", "maintains", "prunes", "asks"} <= crowd.counts.keys()
    busy = {kind for kind in crowd.counts if kind.endswith("store-busy")}
    assert busy <= {"maintains: store-busy", "prunes: store-busy"} or renaming, crowd.counts
    await world.watcher.maintain_closure()
    verified = await world.watcher.closure.verify()
    assert (verified.pending, verified.wrong) == (0, [])
    assert await fetch(world.dsn, TWICE) == []


TWICE = """
SELECT pipeline_id
FROM address_lineage
WHERE valid_to IS NULL
GROUP BY pipeline_id, source_address_id, target_address_id
HAVING count(*) > 1
"""


async def test_a_question_right_after_a_declaration_sees_it(world: World) -> None:
    """While the closure is maintained beside it, again and again."""
    pipelines = [await world.pipeline(f"pipeline {number}") for number in range(4)]

    async def declares_and_asks(number: int) -> LineageDeclared:
        for turn in range(10):
            answer = await world.lineage(pipelines[number], [f"a{number}", "all"], [f"b{turn}", f"a{number}"])
            graph = await world.watcher.lineage_graph.around(Surroundings(start=f"a{number}", depth=1))
            assert {f"a{number}", "all", f"b{turn}"} <= {node.name for node in graph.nodes}
            shown = {(edge.source, edge.target) for edge in graph.edges if edge.pipelines}
            assert len(shown) >= 4
        return answer

    async def maintains() -> None:
        for _ in range(40):
            await world.watcher.closure.maintain(2)
            await asyncio.sleep(0)

    await asyncio.gather(*(declares_and_asks(number) for number in range(4)), maintains())
