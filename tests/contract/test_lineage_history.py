"""Lineage as it was: edges are kept with the interval in which they were declared, as long as retention says."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.world import NOON, World, at
from watcher.domain.lineage import HistoryPruned, PruneLineage
from watcher.domain.lineage_graph import Direction, Route, Surroundings


@pytest.fixture
async def told(world: World) -> World:
    """a -> b since noon, a -> c since a minute after noon, nothing since two minutes after noon."""
    pipeline_id = await world.pipeline()
    for seconds, targets in ((0, "b"), (60, "c"), (120, "")):
        world.clock.instant = at(seconds)
        await world.lineage(pipeline_id, ["a"], targets)
    return world


async def targets(world: World, as_of: datetime | None) -> str:
    """What `a` feeds."""
    question = Surroundings(start="a", direction=Direction.DOWNSTREAM, as_of=as_of)
    nodes = (await world.watcher.lineage_graph.around(question)).nodes
    return "".join(node.name for node in nodes[1:])


INSTANTS = [(-1, ""), (0, "b"), (59.999_999, "b"), (60, "c"), (119.999_999, "c"), (120, ""), (10_000, "")]


@pytest.mark.parametrize(("seconds", "expected"), INSTANTS)
async def test_an_edge_stands_from_its_declaration_to_the_one_that_drops_it(
    told: World, seconds: float, expected: str
) -> None:
    for _ in range(2):
        assert await targets(told, at(seconds)) == expected
        await told.watcher.maintain_closure()


@pytest.mark.parametrize(("seconds", "expected"), INSTANTS)
async def test_a_pipeline_says_what_it_declared_then(told: World, seconds: float, expected: str) -> None:
    (pipeline,) = await told.all_pipelines()
    held = await told.watcher.lineage.of_pipeline(pipeline.id, at(seconds))
    assert "".join(each.name for each in held.targets) == expected
    assert [each.name for each in held.sources] == ([] if seconds < 0 else ["a"])
    assert held.declared_at == (None if seconds < 0 else at(min(seconds // 60, 2) * 60))


async def test_paths_are_those_of_then(told: World) -> None:
    for seconds, length in ((0, 1), (60, None)):
        paths = await told.watcher.lineage_graph.between(Route(start="a", goal="b", as_of=at(seconds)))
        assert paths.length == length


async def test_owners_are_those_of_then(told: World) -> None:
    told.clock.instant = at(90)
    other = await told.pipeline("other")
    await told.lineage(other, ["a"], ["c"])
    first = (await told.all_pipelines())[0].id
    question = Surroundings(start="a", as_of=at(60))
    assert [
        [owner.id for owner in edge.pipelines]
        for edge in (await told.watcher.lineage_graph.around(question)).edges
    ] == [[first]]
    (edge,) = (await told.watcher.lineage_graph.around(Surroundings(start="a", as_of=at(90)))).edges
    assert [owner.id for owner in edge.pipelines] == [first, other]


async def test_who_drops_an_edge_owns_it_no_more_from_that_instant_on(world: World) -> None:
    one, other = await world.pipeline("one"), await world.pipeline("other")
    for pipeline_id in (one, other):
        await world.lineage(pipeline_id, ["a"], ["b"])
    world.clock.instant = at(60)
    await world.lineage(one, ["a"])
    for seconds, owners in ((59.999_999, [one, other]), (60, [other])):
        question = Surroundings(start="a", as_of=at(seconds))
        (edge,) = (await world.watcher.lineage_graph.around(question)).edges
        assert [owner.id for owner in edge.pipelines] == owners


async def test_an_edge_that_came_back_is_told_in_both_its_times(told: World) -> None:
    (pipeline,) = await told.all_pipelines()
    told.clock.instant = at(180)
    await told.lineage(pipeline.id, ["a"], ["b"])
    assert [await targets(told, instant) for instant in (at(0), at(60), at(120), at(180), None)] == [
        "b", "c", "", "b", "b",
    ]  # fmt: skip


async def test_what_stood_for_no_time_is_never_told(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    await world.lineage(pipeline_id, ["a"], ["c"])
    for as_of in (at(-1), at(0), at(1)):
        assert "b" not in await targets(world, as_of)
    held = await world.watcher.lineage.of_pipeline(pipeline_id, at(0))
    assert [each.name for each in held.targets] == ["c"]


async def test_pruning_forgets_what_ended_and_refuses_to_tell_of_before(told: World) -> None:
    (pipeline,) = await told.all_pipelines()
    assert await told.watcher.lineage.prune(at(60), 100) == 2
    assert await targets(told, at(60)) == "c"
    for as_of in (at(0), at(59.999_999)):
        with pytest.raises(HistoryPruned):
            await targets(told, as_of)
        with pytest.raises(HistoryPruned):
            await told.watcher.lineage.of_pipeline(pipeline.id, as_of)
        with pytest.raises(HistoryPruned):
            await told.watcher.lineage_graph.between(Route(start="a", goal="b", as_of=as_of))
    assert await targets(told, None) == ""


async def test_pruning_twice_forgets_once_and_never_less(told: World) -> None:
    assert await told.watcher.lineage.prune(at(60), 100) == 2
    assert await told.watcher.lineage.prune(at(60), 100) == 0
    assert await told.watcher.lineage.prune(at(0), 100) == 0
    with pytest.raises(HistoryPruned):
        await targets(told, at(30))


async def test_pruning_takes_no_more_at_once_than_it_is_asked_to(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, "ab", "xyz")
    world.clock.instant = at(1)
    await world.lineage(pipeline_id, "c", "x")
    world.clock.instant = at(2)
    await world.lineage(pipeline_id, "d", "x")
    assert [await world.watcher.lineage.prune(at(2), 4) for _ in range(4)] == [4, 4, 1, 0]


async def test_what_stands_is_never_pruned(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    assert await world.watcher.lineage.prune(at(1_000_000), 100) == 0
    assert await targets(world, None) == "b"
    assert await targets(world, at(1_000_000)) == "b"
    held = await world.watcher.lineage.of_pipeline(pipeline_id)
    assert held.declared_at == NOON


async def test_the_job_prunes_what_is_older_than_its_retention(told: World) -> None:
    lineage = told.watcher.lineage
    told.clock.instant = at(120) + timedelta(days=7)
    prune = PruneLineage(lineage, told.clock, retention_days=7)
    assert await prune() == 4
    assert await prune() == 0
    assert await targets(told, at(120)) == ""
    with pytest.raises(HistoryPruned):
        await targets(told, at(119))


async def test_a_retention_longer_than_the_calendar_forgets_nothing(told: World) -> None:
    assert await PruneLineage(told.watcher.lineage, told.clock, retention_days=999_999)() == 0
    assert await targets(told, at(0)) == "b"
    assert await targets(told, datetime(1, 1, 2, tzinfo=UTC)) == ""


async def test_the_present_needs_no_history(told: World) -> None:
    (pipeline,) = await told.all_pipelines()
    await told.watcher.lineage.prune(at(100_000), 100)
    assert await targets(told, None) == ""
    assert (await told.watcher.lineage.of_pipeline(pipeline.id)).declared_at == at(120)
