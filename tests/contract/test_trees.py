"""A run may have begun others, to any depth; the tree below it is whole as soon as they began."""

import pytest

from tests.contract.world import NOBODY, World, started, succeeded
from watcher.domain.execution import ExecutionNotFound
from watcher.domain.executions import Started


async def below(world: World, identity: int) -> list[tuple[int, int | None]]:
    return [(each.id, each.parent_id) for each in await world.executions.tree(identity)]


async def test_a_run_without_children_is_a_tree_by_itself(world: World) -> None:
    pipeline_id = await world.pipeline()
    parent = await world.start(pipeline_id)
    only = await world.start(pipeline_id, parent_id=parent)
    assert await below(world, only) == [(only, parent)]


async def test_a_chain_of_three_hundred_is_whole_after_every_start(world: World) -> None:
    pipeline_id = await world.pipeline()
    chain = [await world.start(pipeline_id)]
    for _ in range(300):
        chain.append(await world.start(pipeline_id, parent_id=chain[-1]))
        if len(chain) % 50 == 0:
            assert [identity for identity, _ in await below(world, chain[0])] == chain
    assert await below(world, chain[0]) == list(zip(chain, [None, *chain], strict=False))
    assert await below(world, chain[299]) == [(chain[299], chain[298]), (chain[300], chain[299])]


async def test_parents_come_before_their_children_and_siblings_by_id(world: World) -> None:
    pipeline_id, other = await world.pipeline(), await world.pipeline("other")
    root = await world.start(pipeline_id)
    left, right = [await world.start(pipeline_id, seconds, parent_id=root) for seconds in (60, 0)]
    right_leaf = await world.start(other, parent_id=right)
    left_leaf = await world.start(other, parent_id=left)
    last = await world.start(pipeline_id, parent_id=root)
    assert await below(world, root) == [
        (root, None),
        (left, root),
        (right, root),
        (last, root),
        (right_leaf, right),
        (left_leaf, left),
    ]
    assert await below(world, right) == [(right, root), (right_leaf, right)]


async def test_one_list_may_begin_children_of_many_parents(world: World) -> None:
    pipeline_id = await world.pipeline()
    root = await world.start(pipeline_id)
    middle = await world.start(pipeline_id, parent_id=root)
    verdicts = await world.executions.start(
        [started(pipeline_id, parent_id=parent) for parent in (root, NOBODY, middle, root, None, middle)]
    )
    a, b, c, _, d = [verdict.id for verdict in verdicts if isinstance(verdict, Started)]
    assert await below(world, root) == [
        (root, None),
        (middle, root),
        (a, root),
        (c, root),
        (b, middle),
        (d, middle),
    ]


async def test_a_run_may_begin_others_after_its_end(world: World) -> None:
    pipeline_id = await world.pipeline()
    root = await world.start(pipeline_id)
    await world.end(root, succeeded())
    child = await world.start(pipeline_id, 120, parent_id=root)
    assert await below(world, root) == [(root, None), (child, root)]


async def test_a_repeated_start_has_one_place_in_the_tree(world: World) -> None:
    pipeline_id = await world.pipeline()
    root = await world.start(pipeline_id)
    child = await world.start(pipeline_id, parent_id=root, external_id="x")
    await world.executions.start([started(pipeline_id, parent_id=root, external_id="x")] * 3)
    assert await below(world, root) == [(root, None), (child, root)]


async def test_the_tree_shows_every_outcome(world: World) -> None:
    pipeline_id = await world.pipeline()
    root = await world.start(pipeline_id)
    child = await world.start(pipeline_id, 10, parent_id=root)
    await world.end(child, succeeded(20, total_rows=5, execution_metadata={"a": [1]}))
    running, ended = await world.executions.tree(root)
    assert (running.end_date, running.throughput) == (None, None)
    assert (ended.duration_seconds, ended.throughput, ended.execution_metadata) == (10, 0.5, {"a": [1]})


async def test_an_unknown_run_has_no_tree(world: World) -> None:
    with pytest.raises(ExecutionNotFound) as refusal:
        await world.executions.tree(NOBODY)
    assert refusal.value == ExecutionNotFound(NOBODY)
