"""The closure is what the edges say, whatever happens on the way."""

import asyncio
from contextlib import suppress

import pytest

from tests.contract.closures import REACH_LIMIT, assert_whole, chain_beyond, fan
from tests.contract.reaches import kept_reaches
from tests.contract.world import World
from tests.server import fetch
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import Job
from watcher.domain.lineage_graph import Direction, Surroundings

on_postgres = pytest.mark.parametrize("store", ["postgres"])


@pytest.fixture
def reach_limit() -> int:
    return REACH_LIMIT


async def test_a_reach_is_kept_up_to_the_limit_and_not_beyond(world: World) -> None:
    fan_id = await fan(world, "abc")
    await world.watcher.maintain_closure()
    hub = await world.address("hub")
    kept = (await kept_reaches(world))[Direction.DOWNSTREAM][hub]
    assert kept is not None
    assert len(kept) == 3
    await world.lineage(fan_id, ["hub"], "abcd")
    await world.watcher.maintain_closure()
    assert (await kept_reaches(world))[Direction.DOWNSTREAM][hub] is None
    await assert_whole(world)


async def test_a_reach_comes_back_from_beyond_the_limit_and_so_do_those_above_it(world: World) -> None:
    fan_id = await fan(world, "abcdefgh")
    for name in "xyz":
        await world.lineage(await world.pipeline(name), [name], ["hub"])
    await world.watcher.maintain_closure()
    await world.lineage(fan_id, ["hub"], "ab")
    await world.watcher.maintain_closure()
    await assert_whole(world)
    kept = (await kept_reaches(world))[Direction.DOWNSTREAM][await world.address("x")]
    assert kept is not None
    assert len(kept) == 3


async def test_who_was_found_beyond_the_limit_between_two_changes_comes_back(world: World) -> None:
    """`top` is looked at while `low` feeds too much, which `low` itself never learns."""
    await world.lineage(await world.pipeline("one"), ["top"], ["mid", "low"])
    await world.lineage(await world.pipeline("two"), ["low"], ["a"])
    await world.watcher.maintain_closure()
    await world.lineage(await world.pipeline("three"), ["mid"], ["mid"])
    four = await world.pipeline("four")
    await world.lineage(four, ["low"], ["b"])
    await world.watcher.closure.maintain(1)
    await world.lineage(four, ["low"])
    await world.watcher.maintain_closure()
    await assert_whole(world)


@pytest.mark.parametrize("direction", list(Direction.BOTH.single()))
async def test_a_way_that_becomes_shorter_is_shorter_where_only_one_direction_is_kept(
    world: World, direction: Direction
) -> None:
    """`far` has too much on its other side to be kept there."""
    ends = (("near", "mid"), ("mid", "far"), ("near", "far"))
    steps = ends if direction is Direction.DOWNSTREAM else [step[::-1] for step in ends]
    crowd = (list("wxyz"), ["far"]) if direction is Direction.DOWNSTREAM else (["far"], list("wxyz"))
    await world.lineage(await world.pipeline("crowd"), *crowd)
    for depth, (source, target) in zip((None, 2, 1), steps, strict=True):
        await world.lineage(await world.pipeline(f"{source} to {target}"), [source], [target])
        await world.watcher.maintain_closure()
        reach = (await kept_reaches(world))[direction].get(await world.address("near")) or {}
        assert reach.get(await world.address("far")) == depth
    await assert_whole(world)


async def test_changes_that_undo_each_other_leave_nothing_behind(world: World) -> None:
    fan_id = await fan(world, "ab")
    await world.watcher.maintain_closure()
    before = await kept_reaches(world)
    await world.lineage(fan_id, ["hub"], "cdefg")
    await world.lineage(fan_id, ["hub"], "ab")
    await world.watcher.maintain_closure()
    assert await kept_reaches(world) == before
    await assert_whole(world)


async def test_maintaining_takes_as_much_as_it_is_asked_to_until_nothing_is_left(world: World) -> None:
    await fan(world, "abc")
    taken = [await world.watcher.closure.maintain(3) for _ in range(3)]
    assert taken == [3, 1, 0]
    assert await world.watcher.maintain_closure() == 0
    await assert_whole(world)


async def test_an_address_is_taken_up_once_however_often_it_is_noted(world: World) -> None:
    fan_id = await fan(world, "ab")
    for targets in ("abc", "ab") * 20:
        await world.lineage(fan_id, ["hub"], targets)
    await world.watcher.closure.mark()
    assert await world.watcher.closure.maintain(100) == 7  # `c` has no edge any more
    assert await world.watcher.closure.maintain(100) == 0
    await assert_whole(world)


async def test_maintaining_ends_beside_steady_changes_where_most_is_beyond_the_limit(world: World) -> None:
    """More changes than are taken at first, and then some of them anew before each step."""
    entries = await chain_beyond(world)
    fan_id = await fan(world, "ab")
    await world.watcher.closure.mark()
    for turn in range(entries + 16):
        await world.lineage(fan_id, ["hub"], ["abc", "ab"][turn % 2])
        if await world.watcher.closure.maintain(4) < 4:
            break
    else:
        pytest.fail("the notes go round in circles")
    await world.watcher.maintain_closure()
    await assert_whole(world)


async def test_what_is_beyond_the_limit_is_not_taken_up_for_changes_elsewhere(world: World) -> None:
    await chain_beyond(world)
    fan_id = await fan(world, "ab")
    await world.watcher.maintain_closure()
    for turn in range(20):
        await world.lineage(fan_id, ["hub"], ["abc", "ab"][turn % 2])
        assert await world.watcher.closure.maintain(1) == 1
    assert await world.watcher.maintain_closure() <= 2
    await assert_whole(world)


async def test_a_changed_declaration_announces_the_closure_and_an_unchanged_one_does_not(
    world: World,
) -> None:
    fan_id = await fan(world, "abc")
    assert world.jobs.announced == [(Job.MAINTAIN_CLOSURE, {})]
    await world.lineage(fan_id, ["hub"], "abc")
    assert world.jobs.announced == [(Job.MAINTAIN_CLOSURE, {})]


async def test_two_who_maintain_at_once_do_not_spoil_it(world: World) -> None:
    fan_id = await fan(world, "abcde")
    for turn in range(10):
        await world.lineage(fan_id, ["hub"], "abcdefgh"[turn % 5 : turn % 5 + 3])
        answers = await asyncio.gather(
            *(world.watcher.closure.maintain(3) for _ in range(4)), return_exceptions=True
        )
        assert all(isinstance(answer, int | StoreBusy) for answer in answers)
        assert any(answers)
    await world.watcher.maintain_closure()
    await assert_whole(world)


async def test_who_breaks_off_maintaining_spoils_nothing(world: World) -> None:
    fan_id = await fan(world, "abcdefgh")
    for turn in range(30):
        await world.lineage(fan_id, ["hub"], "abcdefgh"[turn % 5 : turn % 5 + 3])
        work = asyncio.create_task(world.watcher.maintain_closure())
        await asyncio.sleep(turn / 2_000)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        if turn % 5 == 0:
            assert (await world.watcher.closure.verify()).wrong == []
    await world.watcher.maintain_closure()
    await assert_whole(world)


@on_postgres
async def test_the_upkeep_locks_nothing_that_a_declaration_or_a_question_needs(world: World) -> None:
    await fan(world, "abcde")
    maintaining = asyncio.create_task(world.watcher.maintain_closure())
    while not maintaining.done():
        await world.lineage(await world.pipeline("other"), ["hub"], ["x"])
        await world.watcher.lineage_graph.around(Surroundings(start="hub"))
    assert (await fetch(world.dsn, "SELECT count(*) FROM lineage_upkeep")) == [(1,)]
    await world.watcher.maintain_closure()
    await assert_whole(world)
