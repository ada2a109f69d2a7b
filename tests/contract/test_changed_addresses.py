"""A change of an address names fields, and touches those alone."""

from dataclasses import replace

import pytest

from tests.contract.world import NOBODY, NOON, World, at
from watcher.domain.address import AddressChanges, AddressNameTaken, AddressNotFound
from watcher.domain.address_type import AddressTypeNotFound
from watcher.domain.errors import InvalidValue


@pytest.fixture
async def identity(world: World) -> int:
    return await world.address(
        "Shop.Sales.Orders", table_name="orders", primary_key="id", address_metadata={"rows": 1}
    )


CHANGES: list[AddressChanges] = [
    {"name": "Sales"},
    {"name": "a.b.c"},
    {"name": "SHOP.SALES.ORDERS"},
    {"database_name": " Spaces and CASE kept "},
    {"schema_name": ""},
    {"table_name": "x" * 1_000},
    {"primary_key": "id, day"},
    {"database_name": None, "schema_name": None, "table_name": None, "primary_key": None},
    {"address_metadata": {"rows": True}},
    {"address_metadata": {}},
    {"address_metadata": None},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
async def test_a_change_of_an_address_changes_the_named_fields_alone(
    world: World, identity: int, changes: AddressChanges
) -> None:
    before = await world.addresses.get(identity)
    changed = await world.addresses.change(identity, changes, at(60))
    assert changed == replace(before, **changes, updated_at=at(60))
    assert repr(await world.addresses.get(identity)) == repr(changed)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": " Shop.Sales.Orders "},
        {"address_metadata": {"rows": 1.0}},
        {"table_name": "orders", "primary_key": "id"},
    ],
    ids=str,
)
async def test_a_change_of_an_address_that_changes_nothing_leaves_the_time(
    world: World, identity: int, changes: AddressChanges
) -> None:
    before = await world.addresses.get(identity)
    assert await world.addresses.change(identity, changes, at(60)) == before
    assert await world.addresses.get(identity) == before


async def test_an_address_is_named_in_any_spelling_to_be_changed(world: World, identity: int) -> None:
    changed = await world.addresses.change(" sHOP.sales.orders", {"primary_key": "key"}, at(60))
    assert (changed.id, changed.primary_key, changed.name) == (identity, "key", "Shop.Sales.Orders")


async def test_an_address_moves_to_another_type(world: World, identity: int) -> None:
    await world.address("bucket", address_type_name="s3")
    moved = next(row.id for row in await world.all_address_types() if row.name == "s3")
    changed = await world.addresses.change(identity, {"address_type_id": moved}, at(60))
    assert changed.address_type_id == moved


async def test_an_address_cannot_move_to_an_unknown_type(world: World, identity: int) -> None:
    before = await world.addresses.get(identity)
    with pytest.raises(AddressTypeNotFound) as refusal:
        await world.addresses.change(identity, {"address_type_id": NOBODY, "primary_key": "key"}, at(60))
    assert refusal.value == AddressTypeNotFound(NOBODY)
    assert await world.addresses.get(identity) == before


async def test_an_address_cannot_take_the_name_of_another(world: World, identity: int) -> None:
    other = await world.address("refunds")
    with pytest.raises(AddressNameTaken) as refusal:
        await world.addresses.change(other, {"name": "shop.sales.ORDERS", "primary_key": "key"}, at(60))
    assert refusal.value == AddressNameTaken("shop.sales.ORDERS")
    held = await world.addresses.get(other)
    assert (held.name, held.primary_key, held.updated_at) == ("refunds", None, None)
    assert (await world.addresses.get(identity)).name == "Shop.Sales.Orders"


async def test_a_name_that_an_address_gave_up_is_free_again(world: World, identity: int) -> None:
    await world.addresses.change(identity, {"name": "archive"}, at(60))
    assert await world.address("shop.sales.orders") != identity
    assert await world.address("ARCHIVE") == identity


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": "  "}, "name must not be blank"),
        ({"name": "x" * 1001}, "name is longer than 1,000 characters"),
        ({"database_name": "x" * 1001}, "database_name is longer than 1,000 characters"),
        ({"schema_name": "a\x00b"}, "schema_name contains a NUL character"),
        ({"table_name": "\ud800"}, "table_name contains a lone surrogate"),
        ({"primary_key": "x" * 1001}, "primary_key is longer than 1,000 characters"),
        ({"address_metadata": {"a": float("nan")}}, "address_metadata contains a number that is not finite"),
    ],
    ids=str,
)
async def test_the_rules_hold_for_the_changed_address(
    world: World, identity: int, changes: AddressChanges, rule: str
) -> None:
    before = await world.addresses.get(identity)
    with pytest.raises(InvalidValue, match=rule):
        await world.addresses.change(identity, changes, at(60))
    assert await world.addresses.get(identity) == before


async def test_an_unknown_address_can_neither_be_read_nor_changed(world: World) -> None:
    with pytest.raises(AddressNotFound) as by_id:
        await world.addresses.change(NOBODY, {"primary_key": "key"}, NOON)
    with pytest.raises(AddressNotFound) as by_name:
        await world.addresses.change("nobody", {"primary_key": "key"}, NOON)
    with pytest.raises(AddressNotFound) as read:
        await world.addresses.get(NOBODY)
    facts = [by_id.value.reference, by_name.value.reference, read.value.reference]
    assert facts == [NOBODY, "nobody", NOBODY]


async def test_the_use_case_changes_an_address_at_the_time_of_its_clock(world: World, identity: int) -> None:
    world.clock.instant = at(60)
    assert (await world.watcher.change_address(identity, {"primary_key": "key"})).updated_at == at(60)
