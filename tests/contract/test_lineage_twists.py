"""What declarations of lineage meet beside other declarations: clocks that go back, new names, other owners."""

from tests.contract.world import World, at
from watcher.domain.lineage import Outcome
from watcher.domain.lineage_graph import Direction, Surroundings


async def downstream(world: World, start: str, seconds: float | None = None) -> list[str]:
    as_of = None if seconds is None else at(seconds)
    question = Surroundings(start=start, direction=Direction.DOWNSTREAM, as_of=as_of)
    return [node.name for node in (await world.watcher.lineage_graph.around(question)).nodes[1:]]


async def test_a_clock_that_goes_back_leaves_one_declaration_for_every_instant(world: World) -> None:
    pipeline_id = await world.pipeline()
    for minute, target in ((5, "u"), (20, "v"), (8, "w"), (3, "x")):
        world.clock.instant = at(minute * 60)
        await world.lineage(pipeline_id, ["a"], [target])
    for minute, expected in ((4, []), (5, ["u"]), (19, ["u"]), (20, ["x"]), (60, ["x"])):
        assert await downstream(world, "a", minute * 60) == expected
        held = await world.watcher.lineage.of_pipeline(pipeline_id, at(minute * 60))
        assert [each.name for each in held.targets] == expected
    assert await downstream(world, "a") == ["x"]


async def test_an_address_renamed_is_declared_anew_by_the_old_name(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    await world.watcher.addresses.change("a", {"name": "z"}, at(60))
    assert await downstream(world, "z") == ["b"]
    assert (await world.lineage(pipeline_id, ["a"], ["b"])).outcome is Outcome.REPLACED
    assert (await downstream(world, "a"), await downstream(world, "z")) == (["b"], [])
    assert (await world.lineage(pipeline_id, ["a"], ["b"])).outcome is Outcome.UNCHANGED


async def test_a_name_in_another_spelling_is_the_same_name(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    await world.watcher.addresses.change("a", {"name": "A"}, at(60))
    assert (await world.lineage(pipeline_id, ["a"], ["b"])).outcome is Outcome.UNCHANGED


async def test_one_owner_more_is_no_work_for_the_closure(world: World) -> None:
    one, other = await world.pipeline("one"), await world.pipeline("other")
    await world.lineage(one, ["a"], ["b"])
    await world.watcher.maintain_closure()
    await world.lineage(other, ["a"], ["b", "c"])
    assert await world.watcher.maintain_closure() == 2  # what follows a, and what comes before c
    await world.lineage(other, ["a"], ["b"])
    await world.lineage(one, ["a"])
    assert await downstream(world, "a") == ["b"]
    await world.watcher.maintain_closure()
    assert (await world.watcher.closure.verify()).wrong == []
    assert await downstream(world, "a") == ["b"]
