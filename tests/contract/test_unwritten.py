"""What changes nothing writes nothing: not even an equal row in the place of the old one."""

import pytest

from tests.contract.world import NOON, World, at, declaration, started, succeeded
from tests.server import fetch
from watcher.domain.address_type import AddressTypeDeclaration
from watcher.domain.execution import End
from watcher.domain.pipeline_type import PipelineTypeDeclaration

ROWS = """
SELECT 'pipeline_type', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM pipeline_type
UNION ALL
SELECT 'pipeline', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM pipeline
UNION ALL
SELECT 'address_type', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM address_type
UNION ALL
SELECT 'address', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM address
UNION ALL
SELECT 'pipeline_execution', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM pipeline_execution
UNION ALL
SELECT 'pipeline_execution_closure', ctid::TEXT, xmin::TEXT, xmax::TEXT FROM pipeline_execution_closure
ORDER BY 1, 2
"""

pytestmark = pytest.mark.parametrize("store", ["postgres"])


async def versions(world: World) -> list[tuple[object, ...]]:
    """Where every row lies, which transaction wrote it and which locked it."""
    return await fetch(world.dsn, ROWS)


async def test_an_unchanged_declaration_writes_and_locks_nothing(world: World) -> None:
    metadata = {"b": 1, "a": {"d": [], "c": 2}}
    same = {"a": {"c": 2.0, "d": []}, "b": 1.0}
    await world.pipeline("orders", pipeline_metadata=metadata, next_watermark="march")
    before = await versions(world)
    await world.pipelines.declare([declaration("ORDERS", pipeline_metadata=same)], at(60))
    await world.pipelines.declare([declaration(pipeline_metadata=same, next_watermark="march")], at(60))
    assert await versions(world) == before


async def test_an_unchanged_declaration_of_a_type_writes_and_locks_nothing(world: World) -> None:
    await world.pipeline_types.declare(PipelineTypeDeclaration(name="load"), NOON)
    before = await versions(world)
    await world.pipeline_types.declare(PipelineTypeDeclaration(name="LOAD"), at(60))
    assert await versions(world) == before


async def test_an_unchanged_declaration_of_an_address_writes_and_locks_nothing(world: World) -> None:
    metadata = {"b": 1, "a": {"d": [], "c": 2}}
    await world.address("shop.sales.orders", address_metadata=metadata)
    before = await versions(world)
    world.clock.instant = at(60)
    await world.address("SHOP.sales.orders", address_metadata={"a": {"c": 2.0, "d": []}, "b": 1.0})
    await world.address_types.declare(AddressTypeDeclaration(name="POSTGRES", group_name="Database"), at(60))
    assert await versions(world) == before


async def test_a_changed_address_leaves_its_type_unwritten(world: World) -> None:
    await world.address("shop.sales.orders")
    before = await versions(world)
    await world.address("shop.sales.orders", primary_key="id")
    assert [row[0] for row in await versions(world) if row[:3] not in [old[:3] for old in before]] == [
        "address"
    ]


async def test_a_change_of_an_address_that_changes_nothing_writes_nothing(world: World) -> None:
    identity = await world.address("shop.sales.orders", primary_key="id")
    before = [row[:3] for row in await versions(world)]
    await world.addresses.change(identity, {"name": "shop.sales.orders", "primary_key": "id"}, at(60))
    await world.address_types.change("postgres", {"group_name": "database"}, at(60))
    assert [row[:3] for row in await versions(world)] == before


async def test_a_change_that_changes_nothing_writes_nothing(world: World) -> None:
    identity = await world.pipeline()
    before = [row[:3] for row in await versions(world)]
    await world.pipelines.change(identity, {"name": "orders", "active": True}, at(60))
    assert [row[:3] for row in await versions(world)] == before


async def test_a_repeated_end_and_a_refused_one_write_nothing(world: World) -> None:
    identity = await world.start(await world.pipeline(next_watermark="march"))
    await world.end(identity, succeeded(inserts=1))
    before = await versions(world)
    await world.executions.end([End(identity, succeeded(inserts=1)), End(identity, succeeded(inserts=2))])
    assert await versions(world) == before


async def test_a_repeated_start_writes_nothing(world: World) -> None:
    pipeline_id = await world.pipeline()
    parent = await world.start(pipeline_id)
    await world.start(pipeline_id, parent_id=parent, external_id="x")
    before = await versions(world)
    await world.executions.start([started(pipeline_id, parent_id=parent, external_id="x")])
    assert [row[:3] for row in await versions(world)] == [row[:3] for row in before]


async def test_a_new_next_watermark_writes_one_row(world: World) -> None:
    await world.pipeline(next_watermark="march")
    before = await versions(world)
    await world.pipeline(next_watermark="april")
    assert [row[0] for row in await versions(world) if row not in before] == ["pipeline"]
