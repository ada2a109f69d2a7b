"""A pipeline says what it reads and writes; what it says replaces what it said before."""

from dataclasses import replace

import pytest

from tests.contract.world import NOBODY, NOON, World, at, placed
from watcher.domain.address import AddressDeclaration
from watcher.domain.errors import InvalidValue
from watcher.domain.lineage import LineageDeclaration, LineageDeclared, LineageTooLarge, Outcome
from watcher.domain.lineage_graph import Direction, Surroundings
from watcher.domain.pipeline import PipelineNotFound


async def names(world: World, pipeline_id: int) -> tuple[list[str], list[str]]:
    """What the pipeline reads and writes."""
    held = await world.watcher.lineage.of_pipeline(pipeline_id)
    return sorted(each.name for each in held.sources), sorted(each.name for each in held.targets)


async def edges(world: World, *starts: str) -> dict[tuple[str, str], list[int]]:
    """Every edge around these addresses, and who owns it, by names."""
    found = {}
    for start in starts:
        graph = await world.watcher.lineage_graph.around(Surroundings(start=start))
        names = {node.id: node.name for node in graph.nodes}
        for edge in graph.edges:
            pair = names[edge.source], names[edge.target]
            found[pair] = [owner.id for owner in edge.pipelines]
    return found


async def declared(
    world: World, pipeline_id: int, sources: list[AddressDeclaration], targets: list[AddressDeclaration]
) -> LineageDeclared:
    return await world.watcher.declare_lineage(
        LineageDeclaration(pipeline_id=pipeline_id, sources=sources, targets=targets)
    )


async def test_every_source_feeds_every_target(world: World) -> None:
    pipeline_id = await world.pipeline()
    answer = await world.lineage(pipeline_id, ["a", "b", "c"], ["x", "y"])
    assert answer == LineageDeclared(pipeline_id, Outcome.REPLACED, created=6, ended=0)
    assert answer.message == "The lineage was replaced: 6 relationships created, 0 ended."
    assert set(await edges(world, "x", "y")) == {(source, target) for source in "abc" for target in "xy"}
    held = await world.watcher.lineage.of_pipeline(pipeline_id)
    assert held.declared_at == NOON
    assert [each.id for each in held.sources] == sorted(each.id for each in held.sources)


async def test_a_declaration_replaces_the_one_before(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a", "b"], ["x"])
    world.clock.instant = at(60)
    answer = await world.lineage(pipeline_id, ["b", "c"], ["x", "y"])
    assert (answer.created, answer.ended) == (3, 1)
    assert set(await edges(world, "x", "y")) == {("b", "x"), ("c", "x"), ("b", "y"), ("c", "y")}
    assert await edges(world, "a") == {}
    assert await names(world, pipeline_id) == (["b", "c"], ["x", "y"])
    assert (await world.watcher.lineage.of_pipeline(pipeline_id)).declared_at == at(60)


async def test_a_declaration_leaves_other_pipelines_alone(world: World) -> None:
    one, other = await world.pipeline("one"), await world.pipeline("other")
    await world.lineage(one, ["a"], ["b"])
    await world.lineage(other, ["b"], ["c"])
    await world.lineage(one, ["a"], ["d"])
    assert await edges(world, "a", "b") == {("a", "d"): [one], ("b", "c"): [other]}


@pytest.mark.parametrize(
    ("sources", "targets"),
    [
        (["b", "a"], ["x"]),
        ([" A ", "B"], ["X\t"]),
        (["a", "b", "A", "a"], ["x", "X"]),
    ],
)
async def test_the_same_in_any_order_and_spelling_changes_nothing(
    world: World, sources: list[str], targets: list[str]
) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a", "b"], ["x"])
    world.clock.instant, before = at(60), len(world.jobs.announced)
    answer = await world.lineage(pipeline_id, sources, targets)
    assert answer == LineageDeclared(pipeline_id, Outcome.UNCHANGED)
    assert answer.message == "The lineage is the one declared before: nothing changed."
    assert len(world.jobs.announced) == before
    assert (await world.watcher.lineage.of_pipeline(pipeline_id)).declared_at == NOON


async def test_sources_and_targets_that_change_places_are_a_change(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    answer = await world.lineage(pipeline_id, ["b"], ["a"])
    assert (answer.outcome, answer.created, answer.ended) == (Outcome.REPLACED, 1, 1)


async def test_another_target_among_the_sources_is_a_change(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a", "b"], ["a"])
    assert (await world.lineage(pipeline_id, ["a", "b"], ["b"])).outcome is Outcome.REPLACED
    assert (await world.lineage(pipeline_id, ["a"], ["b"])).outcome is Outcome.REPLACED


async def test_a_pipeline_that_does_not_load_lineage_changes_nothing(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.pipelines.change(pipeline_id, {"load_lineage": False}, NOON)
    answer = await world.lineage(pipeline_id, ["a"], ["b"])
    assert answer == LineageDeclared(pipeline_id, Outcome.NOT_LOADED)
    assert "load_lineage" in answer.message
    assert (await world.all_addresses(), world.jobs.announced) == ([], [])
    await world.pipelines.change(pipeline_id, {"load_lineage": True}, NOON)
    assert (await world.lineage(pipeline_id, ["a"], ["b"])).created == 1


async def test_a_pipeline_that_is_not_there_has_no_lineage(world: World) -> None:
    with pytest.raises(PipelineNotFound):
        await world.lineage(NOBODY, ["a"], ["b"])
    with pytest.raises(PipelineNotFound):
        await world.watcher.lineage.of_pipeline(NOBODY)
    assert await world.all_addresses() == []


async def test_a_pipeline_that_never_said_anything_has_an_empty_lineage(world: World) -> None:
    held = await world.watcher.lineage.of_pipeline(await world.pipeline())
    assert (held.declared_at, held.sources, held.targets) == (None, (), ())


def test_neither_sources_nor_targets_are_no_declaration() -> None:
    with pytest.raises(InvalidValue):
        LineageDeclaration(pipeline_id=1)


@pytest.mark.parametrize(("sources", "targets"), [(20_001, 0), (0, 20_001), (1_000, 101), (19_990, 11)])
def test_a_declaration_beyond_the_limits_is_refused(sources: int, targets: int) -> None:
    with pytest.raises(LineageTooLarge):
        LineageDeclaration(pipeline_id=1, sources=[placed()] * sources, targets=[placed()] * targets)


async def test_sources_alone_and_targets_alone_are_kept_without_edges(world: World) -> None:
    reader, writer = await world.pipeline("reader"), await world.pipeline("writer")
    assert (await world.lineage(reader, ["a", "b"])).created == 0
    assert (await world.lineage(writer, [], ["b"])).created == 0
    assert await names(world, reader) == (["a", "b"], [])
    assert await names(world, writer) == ([], ["b"])
    assert await edges(world, "a", "b") == {}


async def test_an_edge_ends_when_its_last_owner_drops_it(world: World) -> None:
    one, other = await world.pipeline("one"), await world.pipeline("other")
    await world.lineage(one, ["a"], ["b"])
    assert (await world.lineage(other, ["a"], ["b"])).created == 1
    assert await edges(world, "a") == {("a", "b"): [one, other]}
    assert (await world.lineage(one, ["a"])).ended == 1
    assert await edges(world, "a") == {("a", "b"): [other]}
    await world.lineage(other, [], ["b"])
    assert await edges(world, "a") == {}


async def test_an_address_may_feed_itself(world: World) -> None:
    pipeline_id = await world.pipeline()
    assert (await world.lineage(pipeline_id, ["a", "b"], ["a"])).created == 2
    assert await edges(world, "a") == {("a", "a"): [pipeline_id], ("b", "a"): [pipeline_id]}
    await world.watcher.maintain_closure()
    assert await edges(world, "a") == {("a", "a"): [pipeline_id], ("b", "a"): [pipeline_id]}


async def test_addresses_may_feed_each_other_round_and_round(world: World) -> None:
    for source, target in ("ab", "bc", "ca"):
        await world.lineage(await world.pipeline(source), [source], [target])
    for _ in range(2):
        graph = await world.watcher.lineage_graph.around(
            Surroundings(start="a", direction=Direction.DOWNSTREAM)
        )
        assert [(node.name, node.depth) for node in graph.nodes] == [("a", 0), ("b", 1), ("c", 2)]
        assert len(graph.edges) == 3
        await world.watcher.maintain_closure()


async def test_a_declaration_creates_what_is_missing(world: World) -> None:
    await declared(
        world,
        await world.pipeline(),
        [placed("shop.sales.orders", primary_key="id", address_metadata={"rows": 7})],
        [placed("s3://lake/orders", address_type_name="S3", address_type_group_name="files")],
    )
    addresses = {row.name: row for row in await world.all_addresses()}
    orders = addresses["shop.sales.orders"]
    assert (orders.database_name, orders.schema_name, orders.table_name) == ("shop", "sales", "orders")
    assert (orders.primary_key, orders.address_metadata) == ("id", {"rows": 7})
    assert (orders.created_at, orders.updated_at) == (NOON, None)
    types = {row.name: row for row in await world.all_address_types()}
    assert addresses["s3://lake/orders"].address_type_id == types["S3"].id
    assert (types["S3"].group_name, types["S3"].created_at, types["S3"].updated_at) == ("files", NOON, None)


async def test_a_declaration_gives_an_address_its_new_content_and_leaves_the_others(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a", "b"], ["c"])
    world.clock.instant = at(60)
    answer = await declared(
        world, pipeline_id, [placed("A", primary_key="id"), placed("b")], [placed("c", address_metadata={})]
    )
    assert (answer.outcome, answer.created, answer.ended) == (Outcome.REPLACED, 0, 0)
    rows = {row.name: row for row in await world.all_addresses()}
    assert (rows["a"].primary_key, rows["a"].updated_at) == ("id", at(60))
    assert (rows["c"].address_metadata, rows["c"].updated_at) == ({}, at(60))
    assert rows["b"].updated_at is None
    (kind,) = await world.all_address_types()
    assert kind.updated_at is None


async def test_a_declaration_gives_a_type_its_new_group(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    world.clock.instant = at(60)
    await declared(world, pipeline_id, [placed("a", address_type_group_name="lake")], [placed("c")][:0])
    (kind,) = await world.all_address_types()
    assert (kind.group_name, kind.updated_at) == ("lake", at(60))


async def test_of_two_words_about_one_address_that_of_the_targets_counts(world: World) -> None:
    first, second, third = (placed("a", primary_key=key) for key in ("one", "two", "three"))
    await declared(world, await world.pipeline(), [first, third], [second])
    (row,) = await world.all_addresses()
    assert row.primary_key == "two"
    await declared(world, await world.pipeline("other"), [first, third], [])
    (row,) = await world.all_addresses()
    assert row.primary_key == "three"


async def test_of_three_groups_of_one_type_the_last_word_counts(world: World) -> None:
    pipeline_id = await world.pipeline()
    sources = [placed(name, address_type_group_name=f"group of {name}") for name in "bac"]
    await declared(world, pipeline_id, sources, [])
    (kind,) = await world.all_address_types()
    assert kind.group_name == "group of c"
    answer = await declared(world, pipeline_id, sources, [])
    assert answer.outcome is Outcome.UNCHANGED


async def test_a_renamed_address_keeps_its_edges(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    await world.addresses.change("a", {"name": "z"}, NOON)
    assert await edges(world, "Z") == {("z", "b"): [pipeline_id]}
    assert await names(world, pipeline_id) == (["z"], ["b"])


async def test_a_declaration_by_the_old_name_makes_a_new_address(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    await world.addresses.change("a", {"name": "z"}, NOON)
    await world.lineage(pipeline_id, ["a"], ["b", "c"])
    assert set(await edges(world, "a")) == {("a", "b"), ("a", "c")}
    assert await edges(world, "z") == {}


async def test_a_declaration_under_a_clock_that_went_back_still_counts(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.lineage(pipeline_id, ["a"], ["b"])
    world.clock.instant = at(-60)
    assert (await world.lineage(pipeline_id, ["a"], ["c"])).ended == 1
    assert set(await edges(world, "a")) == {("a", "c")}
    assert await names(world, pipeline_id) == (["a"], ["c"])
    world.clock.instant = at(60)
    await world.lineage(pipeline_id, ["a"], ["d"])
    assert set(await edges(world, "a")) == {("a", "d")}


async def test_lineage_may_be_dropped_and_declared_again_in_the_same_instant(world: World) -> None:
    pipeline_id = await world.pipeline()
    for _ in range(3):
        await world.lineage(pipeline_id, ["a"], ["b"])
        await world.lineage(pipeline_id, ["a"])
    await world.lineage(pipeline_id, ["a"], ["b"])
    assert await edges(world, "a") == {("a", "b"): [pipeline_id]}


async def test_metadata_of_any_kind_is_kept(world: World) -> None:
    metadata = {"deep": [{"a": 1.5, "b": None}, True, "ü", 10**15]}
    pipeline_id = await world.pipeline()
    sources = [placed("a", address_metadata=metadata)]
    await declared(world, pipeline_id, sources, [])
    held = await world.watcher.lineage.of_pipeline(pipeline_id)
    assert held.sources[0].metadata == metadata
    again = [replace(sources[0], address_metadata={"deep": [{"b": None, "a": 1.5}, True, "ü", 10.0**15]})]
    assert (await declared(world, pipeline_id, again, [])).outcome is Outcome.UNCHANGED
