"""Many declarations in one list: each has a verdict of its own."""

import asyncio
from itertools import chain

import pytest

from tests.contract.test_lineage_at_once import declared, stands, version_of
from tests.contract.world import World, at
from watcher.domain.lineage import Replaced, Replacement


async def test_a_list_of_replacements_has_a_verdict_for_each(world: World) -> None:
    first, second, third = [await world.pipeline(f"load {turn}") for turn in range(3)]
    await world.lineage(first, ["a", "b"], ["c"])
    await world.lineage(second, ["a"], ["c"])
    stale = (await version_of(world, second) or 0) + 1_000
    answers = await world.watcher.lineage.replace(
        [
            Replacement(declared(first, "a", "c"), await version_of(world, first), at(0)),
            Replacement(declared(third, "never seen", "c"), None, at(0)),
            Replacement(declared(second, "b", "c"), stale, at(0)),
            Replacement(declared(first, "b", "c"), await version_of(world, first), at(0)),
        ]
    )
    assert answers == [Replaced(0, 1), Replaced(1, 0), None, None]
    assert await stands(world, first) == ({"a"}, {"c"}, {("a", "c")})
    assert await stands(world, second) == ({"a"}, {"c"}, {("a", "c")})
    assert await stands(world, third) == ({"never seen"}, {"c"}, {("never seen", "c")})


async def test_an_edge_that_changes_hands_in_one_list_stays_and_that_is_noted(world: World) -> None:
    giver, taker = [await world.pipeline(f"load {turn}") for turn in range(2)]
    await world.lineage(giver, ["a"], ["b"])
    await world.lineage(taker, ["b"], ["c"])
    await world.watcher.maintain_closure()
    versions = [await version_of(world, each) for each in (giver, taker)]
    answers = await world.watcher.lineage.replace(
        [
            Replacement(declared(giver, "b", "c"), versions[0], at(0)),
            Replacement(declared(taker, "a", "b"), versions[1], at(0)),
        ]
    )
    assert answers == [Replaced(1, 1), Replaced(1, 1)]
    assert await stands(world, giver) == ({"b"}, {"c"}, {("b", "c")})
    assert await stands(world, taker) == ({"a"}, {"b"}, {("a", "b")})
    await world.watcher.maintain_closure()
    assert (await world.watcher.closure.verify()).wrong == []


@pytest.mark.parametrize("turn", range(3))
async def test_lists_that_replace_the_same_pipelines_in_other_orders_never_lock_each_other_out(
    world: World, turn: int
) -> None:
    pipelines = [await world.pipeline(f"load {each}") for each in range(12)]
    for each in pipelines[:6]:
        await world.lineage(each, ["a"], ["b"])
    await world.lineage(pipelines[0], ["a", "x", "y", "z"], ["b"])
    versions = {each: await version_of(world, each) for each in pipelines}
    orders = [pipelines, pipelines[::-1], pipelines[6:] + pipelines[:6], pipelines[3:] + pipelines[:3]]
    answers = await asyncio.gather(
        *(
            world.watcher.lineage.replace(
                [Replacement(declared(each, source, "b"), versions[each], at(turn)) for each in order]
            )
            for order, source in zip(orders, "axyz", strict=True)
        )
    )
    taken = [answer for answer in chain.from_iterable(answers) if isinstance(answer, Replaced)]
    assert len(taken) == len(pipelines)
    assert all(answer is None or isinstance(answer, Replaced) for answer in chain.from_iterable(answers))
