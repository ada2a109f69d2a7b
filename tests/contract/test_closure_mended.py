"""What is wrong with the closure is found, and mended; a rebuild ends whatever happens beside it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle

import pytest

from tests.contract.closures import REACH_LIMIT, assert_whole, chain_beyond, fan
from tests.contract.reaches import kept_reaches
from tests.contract.world import World
from tests.server import execute, fetch
from watcher.domain.closure import STEPS_AFTERWARDS, Closure, RebuildClosure, Verified, Wrong

on_postgres = pytest.mark.parametrize("store", ["postgres"])


@pytest.fixture
def reach_limit() -> int:
    return REACH_LIMIT


@dataclass(frozen=True, slots=True)
class Pestered:
    """A closure with a change before each step of its upkeep."""

    closure: Closure
    change: Callable[[], Awaitable[None]]
    taken: list[int] = field(default_factory=list)

    async def maintain(self, entries: int) -> int:
        await self.change()
        self.taken.append(await self.closure.maintain(min(entries, 4)))
        return self.taken[-1] if self.taken[-1] < 4 else entries

    async def mark(self) -> int:
        return await self.closure.mark()

    async def verify(self) -> Verified:
        return await self.closure.verify()


async def test_a_rebuild_ends_beside_steady_changes(world: World) -> None:
    """Though there is never nothing pending."""
    entries = await chain_beyond(world)
    fan_id = await fan(world, "ab")
    await world.watcher.maintain_closure()
    turns = cycle(["abc", "ab"])

    async def change() -> None:
        await world.lineage(fan_id, ["hub"], next(turns))

    pestered = Pestered(world.watcher.closure, change)
    assert await RebuildClosure(pestered)() == entries + 6
    assert min(pestered.taken) > 0
    assert len(pestered.taken) <= entries + STEPS_AFTERWARDS
    await world.watcher.maintain_closure()
    await assert_whole(world)


async def test_what_is_not_maintained_yet_is_not_called_wrong(world: World) -> None:
    fan_id = await fan(world, "abcde")
    await world.lineage(await world.pipeline("above"), ["x"], ["hub"])
    await world.watcher.maintain_closure()
    await world.lineage(fan_id, ["hub"], "a")
    while True:
        verified = await world.watcher.closure.verify()
        assert verified.wrong == []
        if not verified.pending:
            break
        await world.watcher.closure.maintain(1)
    await assert_whole(world)


async def test_rebuilding_makes_the_same_again(world: World) -> None:
    await fan(world, "abc")
    await world.lineage(await world.pipeline("back"), ["b", "c"], ["hub", "c"])
    await world.watcher.maintain_closure()
    before = await kept_reaches(world)
    assert await world.watcher.rebuild_closure() == 8
    assert await kept_reaches(world) == before
    await assert_whole(world)


async def test_a_rebuild_that_nobody_finished_is_finished_by_the_next_step(world: World) -> None:
    fan_id = await fan(world, "abcd")
    await world.watcher.closure.mark()
    await world.lineage(fan_id, ["hub"], "ab")
    await world.watcher.closure.mark()
    while await world.watcher.closure.maintain(2):
        pass
    await assert_whole(world)


async def test_without_lineage_there_is_nothing_to_verify_and_nothing_to_rebuild(world: World) -> None:
    await world.address("alone")
    assert await world.watcher.closure.verify() == Verified(0, 0, [])
    assert await world.watcher.rebuild_closure() == 0


GARBAGE = {
    "a pair that is missing": "DELETE FROM address_lineage_closure WHERE depth = 1",
    "a depth that is wrong": "UPDATE address_lineage_closure SET depth = depth + 1",
    "a pair that is not there": """
        INSERT INTO address_lineage_closure (ancestor_id, descendant_id, depth, downstream, upstream)
        SELECT max(id), min(id), 7, TRUE, TRUE FROM address
    """,
    "a reach that seems too large": "UPDATE address_lineage_reach SET downstream = NULL",
    "a reach that seems small": "UPDATE address_lineage_reach SET downstream = 0, upstream = 0",
    "pairs of addresses without lineage": """
        INSERT INTO address_lineage_closure (ancestor_id, descendant_id, depth, downstream)
        SELECT min(id), max(id), 1, TRUE FROM address WHERE name LIKE 'alone %'
    """,
    "a reach of an address without lineage": """
        INSERT INTO address_lineage_reach (address_id, upstream) SELECT max(id), NULL FROM address
    """,
    "one direction that lost its mark": """
        UPDATE address_lineage_closure SET upstream = FALSE WHERE downstream
    """,
    "pairs that are nobody's": """
        UPDATE address_lineage_closure SET downstream = FALSE, upstream = TRUE
    """,
    "no reaches at all": "DELETE FROM address_lineage_reach",
    "nothing at all": "DELETE FROM address_lineage_closure",
}


@on_postgres
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_what_is_wrong_with_the_closure_is_found_and_mended(world: World, garbage: str) -> None:
    await fan(world, "abcde")
    await world.lineage(await world.pipeline("below"), "ab", ["z"])
    for name in ("alone 1", "alone 2"):
        await world.address(name)
    await world.watcher.maintain_closure()
    await assert_whole(world)
    await execute(world.dsn, GARBAGE[garbage])
    assert (await world.watcher.closure.verify()).wrong
    await world.watcher.rebuild_closure()
    await assert_whole(world)


@on_postgres
async def test_verifying_says_what_is_stored_and_what_is_true(world: World) -> None:
    await fan(world, "abc")
    await world.watcher.maintain_closure()
    hub, a = await world.address("hub"), await world.address("a")
    await fetch(world.dsn, "DELETE FROM address_lineage_closure WHERE descendant_id = $1", a)
    wrong = (await world.watcher.closure.verify()).wrong
    assert wrong == [Wrong(hub, "downstream", 2, 3), Wrong(a, "upstream", 0, 1)]
    assert str(wrong[0]) == (
        f"Address {hub}, downstream: the closure holds 2 addresses, the edges lead to 3 addresses."
    )
