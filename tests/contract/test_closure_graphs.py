"""On larger graphs of every shape the closure is that of networkx, whatever came and went while it was maintained.

`HYPOTHESIS_PROFILE=thorough` tries many more.
"""

import sys
from dataclasses import dataclass
from random import Random

import hypothesis.strategies as st
import networkx as nx
import pytest
from dependency_injector import providers
from hypothesis import HealthCheck, given, settings

from tests.contract.reaches import kept_reaches, true_reaches
from tests.contract.test_histories import world
from tests.contract.twins import OwnLoop
from tests.contract.world import EMPTYING, World, placed
from tests.server import execute
from watcher.adapters.memory.jobs import MemoryJobs
from watcher.domain.lineage import LineageDeclaration
from watcher.domain.lineage_graph import Direction, Surroundings
from watcher.settings import MEMORY

REACH_LIMIT = 20
ROUNDS = 4
EXAMPLES, EXAMPLES_ON_POSTGRES = 5, 30
"""One graph for so many of Hypothesis' usual examples."""

Declared = tuple[list[int], list[int]]


def chain(random: Random, size: int) -> list[Declared]:
    return [([each], [each + 1]) for each in range(size - 1)] + [([size - 1], [random.randrange(size)])]


def hub(random: Random, size: int) -> list[Declared]:
    hubs = random.sample(range(size), 3)
    spokes = [each for each in range(size) if each not in hubs]
    inward, outward = spokes[::2], spokes[1::2]
    return [(inward[turn : turn + 7], [hubs[turn % 3]]) for turn in range(0, len(inward), 7)] + [
        ([hubs[turn % 3]], outward[turn : turn + 7]) for turn in range(0, len(outward), 7)
    ]


def clusters(random: Random, size: int) -> list[Declared]:
    """Clusters about as large as a reach may be, with a few edges between them."""
    declared = []
    for first in range(0, size - 15, 15):
        inside = range(first, first + 15)
        declared += [(random.sample(inside, 2), random.sample(inside, 2)) for _ in range(8)]
    return declared + [(random.sample(range(size), 1), random.sample(range(size), 1)) for _ in range(5)]


def layered(random: Random, size: int) -> list[Declared]:
    width = max(4, size // 12)
    return [
        ([random.randrange(first, first + width) for _ in range(2)],
         [min(random.randrange(first + width, first + 2 * width), size - 1) for _ in range(2)])
        for first in range(0, size - width, width)
        for _ in range(width // 2)
    ]  # fmt: skip


def cyclic(random: Random, size: int) -> list[Declared]:
    rings = [list(range(first, min(first + 9, size))) for first in range(0, size, 9)]
    steps = [([one], [other]) for ring in rings for one, other in zip(ring, ring[1:] + ring[:1], strict=True)]
    return steps + [([random.choice(one)], [random.choice(other)]) for one, other in nx.utils.pairwise(rings)]


def dense(random: Random, size: int) -> list[Declared]:
    return [
        (
            random.sample(range(size), random.randrange(1, 4)),
            random.sample(range(size), random.randrange(1, 4)),
        )
        for _ in range(size // 3)
    ]


SHAPES = (chain, hub, clusters, layered, cyclic, dense)


@dataclass(slots=True)
class Told:
    """How much was tried."""

    graphs: int = 0
    declarations: int = 0
    rows: int = 0


class Growing:
    """One graph that comes and goes, a declaration at a time, while its closure is maintained."""

    def __init__(self, here: World, random: Random, told: Told, shape: int, size: int) -> None:
        self.world, self.watcher, self.random, self.told, self.size = here, here.watcher, random, told, size
        self.wanted = SHAPES[shape](random, size)
        self.owned: dict[int, set[tuple[int, int]]] = {}

    async def live(self) -> None:
        """Rounds of changes in random order, each with a quiet moment at its end."""
        self.ids = [await self.world.address(f"address {number}") for number in range(self.size)]
        self.pipelines = [await self.world.pipeline(f"pipeline {turn}") for turn in range(len(self.wanted))]
        for turn in range(ROUNDS):
            share = 1.0 if turn in {0, ROUNDS - 1} else self.random.uniform(0.1, 0.5)
            await self._changed(self.random.sample(range(len(self.wanted)), int(share * len(self.wanted))))
            await self._quiet()

    async def _changed(self, which: list[int]) -> None:
        for pipeline in which:
            for declared in self.random.choice(self._ways_to_get_there(pipeline)):
                await self._declare(pipeline, *declared)
                if self.random.random() < 0.5:
                    await self.watcher.closure.maintain(self.random.choice([1, 1, 2, 5, 40]))
            if self.random.random() < 0.02:
                await self.watcher.closure.mark()

    def _ways_to_get_there(self, pipeline: int) -> list[list[Declared]]:
        sources, targets = self.wanted[pipeline]
        astray = [self.random.randrange(self.size)]
        here, gone = (sources, targets), (sources, list[int]())
        return [[here], [gone], [here, gone], [gone, here], [(astray, targets), here], [(astray, sources)]]

    async def _declare(self, pipeline: int, sources: list[int], targets: list[int]) -> None:
        pipeline_id = self.pipelines[pipeline]
        await self.watcher.declare_lineage(
            LineageDeclaration(
                pipeline_id=pipeline_id,
                sources=[placed(f"address {each}") for each in sources],
                targets=[placed(f"address {each}") for each in targets],
            )
        )
        self.owned[pipeline_id] = {(self.ids[s], self.ids[t]) for s in sources for t in targets}
        self.told.declarations += 1

    async def _quiet(self) -> None:
        pairs = set[tuple[int, int]]().union(*self.owned.values())
        expected = true_reaches(pairs, REACH_LIMIT)
        await self._check_some_answers(pairs)
        while await self.watcher.closure.maintain(self.random.choice([7, 50, 1_000])):
            pass
        kept = await kept_reaches(self.world)
        assert kept == expected
        verified = await self.watcher.closure.verify()
        assert (verified.pending, verified.wrong) == (0, [])
        self.told.rows += sum(len(reach or ()) for side in kept.values() for reach in side.values())

    async def _check_some_answers(self, pairs: set[tuple[int, int]]) -> None:
        """Before the closure has caught up."""
        everything = true_reaches(pairs, self.size)
        for start in self.random.sample(self.ids, 3):
            for way in Direction.BOTH.single():
                question = Surroundings(start=start, direction=way, depth=1_000, limit=10_000)
                nodes = (await self.watcher.lineage_graph.around(question)).nodes
                assert {node.id: node.depth for node in nodes[1:]} == everything[way].get(start, {})


def prepared(store: str, dsn: str) -> World:
    here = world(store, dsn)
    here.container.reach_limit.override(providers.Object(REACH_LIMIT))
    here.container.jobs.override(providers.Object(MemoryJobs()))
    return here


def grown(loop: OwnLoop, store: str, dsn: str, examples: int, largest: int) -> str:
    told = Told()
    shared = prepared(store, dsn)

    @settings(
        max_examples=max(1, settings().max_examples // examples), suppress_health_check=list(HealthCheck)
    )
    @given(shape=st.integers(0, len(SHAPES) - 1), size=st.integers(60, largest), seed=st.integers(0, 2**32))
    def grows(shape: int, size: int, seed: int) -> None:
        here = shared
        if store == "postgres":
            loop.run(execute(dsn, ";".join(EMPTYING)))
        else:
            here = prepared(store, dsn)
        told.graphs += 1
        loop.run(Growing(here, Random(seed), told, shape, size).live())

    try:
        grows()
    finally:
        if store == "postgres":
            loop.run(shared.container.database().close())
    return (
        f"\nClosures in {store}: {told.graphs:,} graphs, {told.declarations:,} declarations, "
        f"{told.rows:,} rows compared\n"
    )


def test_the_closure_of_a_larger_graph_is_that_of_networkx_in_memory(
    loop: OwnLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    told = grown(loop, "memory", MEMORY, EXAMPLES, largest=120)
    with capsys.disabled():
        sys.stdout.write(told)


def test_the_closure_of_a_larger_graph_is_that_of_networkx_in_postgres(
    loop: OwnLoop, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = grown(loop, "postgres", database, EXAMPLES_ON_POSTGRES, largest=300)
    with capsys.disabled():
        sys.stdout.write(told)
