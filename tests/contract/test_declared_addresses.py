"""Addresses are declared by name, again and again, and only a changed declaration changes them."""

from asyncio import gather
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.world import NOON, Placing, World, at, placed
from watcher.domain.address import Address, AddressDeclaration, AddressDeclared
from watcher.domain.errors import InvalidValue

FULL: Placing = {
    "address_type_name": "S3",
    "address_type_group_name": "Object store",
    "database_name": "d",
    "schema_name": "s",
    "table_name": "t",
    "primary_key": "id, day",
    "address_metadata": {"owner": {"team": "data", "people": [1, 2.5, None, True]}},
}


def named(field: str, text: str) -> dict[str, Any]:
    """What an address is declared with at least, and this field."""
    return {"name": "a", "address_type_name": "b", "address_type_group_name": "c", field: text}


async def place_of(world: World, identity: int) -> tuple[str | None, ...]:
    row = await world.addresses.get(identity)
    return row.database_name, row.schema_name, row.table_name


async def test_a_new_address_has_what_was_declared(world: World) -> None:
    declared = await world.addresses.declare(placed(" S3://Bucket/Key ", **FULL), NOON)
    assert declared == AddressDeclared(declared.id, created=True)
    (address_type,) = await world.all_address_types()
    assert (address_type.name, address_type.group_name, address_type.created_at, address_type.updated_at) == (
        "S3", "Object store", NOON, None,
    )  # fmt: skip
    assert await world.addresses.get(declared.id) == Address(
        id=declared.id,
        name="S3://Bucket/Key",
        address_type_id=address_type.id,
        database_name="d",
        schema_name="s",
        table_name="t",
        primary_key="id, day",
        address_metadata={"owner": {"team": "data", "people": [1, 2.5, None, True]}},
        created_at=NOON,
        updated_at=None,
    )


@pytest.mark.parametrize("spelling", ["straße 7", "STRASSE 7", "  Strasse 7\t", "STRAßE 7"])
async def test_an_address_is_found_by_any_spelling_and_keeps_the_first(world: World, spelling: str) -> None:
    first = await world.address(" Straße 7 ")
    again = await world.addresses.declare(placed(spelling), at(60))
    assert again == AddressDeclared(first, created=False)
    assert [(row.name, row.updated_at) for row in await world.all_addresses()] == [("Straße 7", None)]


async def test_composed_and_decomposed_letters_spell_the_same_address(world: World) -> None:
    assert await world.address("caf\u00e9") == await world.address("CAFE\u0301")


async def test_an_address_may_have_a_thousand_letters_of_any_script(world: World) -> None:
    name = "𝕎ä" * 500
    identity = await world.address(name, address_type_name="ñ" * 150, table_name="注" * 1_000)
    held = await world.addresses.get(identity)
    assert (held.name, held.table_name) == (name, "注" * 1_000)


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("name", 1_000),
        ("address_type_name", 150),
        ("address_type_group_name", 150),
        ("database_name", 1_000),
        ("schema_name", 1_000),
        ("table_name", 1_000),
        ("primary_key", 1_000),
    ],
)
def test_the_texts_of_an_address_have_rules(field: str, limit: int) -> None:
    for text, rule in (
        ("x" * (limit + 1), f"is longer than {limit:,} characters"),
        ("a\x00", "contains a NUL character"),
        ("\ud800", "contains a lone surrogate"),
    ):
        with pytest.raises(InvalidValue, match=f"^{field} {rule}"):
            AddressDeclaration(**named(field, text))


@pytest.mark.parametrize("field", ["name", "address_type_name", "address_type_group_name"])
def test_the_names_of_an_address_are_not_blank(field: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{field} must not be blank"):
        AddressDeclaration(**named(field, " \t\u2003"))


async def test_of_many_simultaneous_declarations_one_creates_the_address(world: World) -> None:
    answers = await gather(*(world.addresses.declare(placed(**FULL), NOON) for _ in range(24)))
    assert sorted(each.created for each in answers) == [False] * 23 + [True]
    assert len({each.id for each in answers}) == 1
    assert [row.updated_at for row in await world.all_addresses()] == [None]
    assert [row.updated_at for row in await world.all_address_types()] == [None]


async def test_simultaneous_declarations_of_many_addresses_and_few_types_do_not_get_in_their_way(
    world: World,
) -> None:
    names = [f"address {number}" for number in range(12)]
    groups = ("lake", "warehouse")
    await gather(
        *(
            world.addresses.declare(placed(name, address_type_name=kind, address_type_group_name=group), NOON)
            for group in groups
            for name in (names if group == "lake" else names[::-1])
            for kind in ("a", "b")
        )
    )
    assert {row.name for row in await world.all_addresses()} == set(names)
    assert {row.name for row in await world.all_address_types()} == {"a", "b"}


async def test_an_unchanged_declaration_of_an_address_changes_nothing(world: World) -> None:
    identity = await world.address(**FULL)
    before = await world.addresses.get(identity), await world.all_address_types()
    world.clock.instant = at(60)
    respelled: Placing = {**FULL, "address_type_name": " s3", "address_type_group_name": "OBJECT STORE"}
    assert await world.address(" SHOP.sales.Orders", **respelled) == identity
    assert (await world.addresses.get(identity), await world.all_address_types()) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
        ({"rows": 1}, {"rows": 1.0}),
    ],
)
async def test_another_spelling_of_the_same_metadata_of_an_address_is_no_change(
    world: World, first: Mapping[str, object], second: Mapping[str, object]
) -> None:
    identity = await world.address(address_metadata=first)
    world.clock.instant = at(60)
    await world.address(address_metadata=second)
    assert (await world.addresses.get(identity)).updated_at is None


@pytest.mark.parametrize(
    "changed",
    [
        {"database_name": "D"},
        {"schema_name": None},
        {"table_name": ""},
        {"primary_key": "day, id"},
        {"primary_key": "t", "table_name": "id, day"},
        {"address_metadata": None},
        {"address_metadata": {}},
        {"address_metadata": {"owner": {"team": "data", "people": [1, 2.5, None, 1]}}},
    ],
    ids=str,
)
async def test_a_changed_declaration_of_an_address_is_taken_over(world: World, changed: Placing) -> None:
    identity = await world.address("orders", **FULL)
    before = await world.addresses.get(identity)
    world.clock.instant = at(60)
    declared: Placing = {**FULL, **changed}
    await world.address("ORDERS", **declared)
    held = await world.addresses.get(identity)
    expected = replace(before, updated_at=at(60), **changed)  # type: ignore[misc]
    assert repr(held) == repr(expected)  # to Python, True == 1


async def test_an_address_moves_to_the_type_that_is_declared(world: World) -> None:
    identity = await world.address("orders")
    world.clock.instant = at(60)
    await world.address("orders", address_type_name="MySQL")
    types = {row.name: row for row in await world.all_address_types()}
    held = await world.addresses.get(identity)
    assert (held.address_type_id, held.updated_at) == (types["MySQL"].id, at(60))
    assert (types["MySQL"].created_at, types["postgres"].updated_at) == (at(60), None)


async def test_the_type_of_an_address_is_found_by_any_spelling(world: World) -> None:
    await world.address("orders", address_type_name="Postgres", address_type_group_name="Database")
    await world.address("refunds", address_type_name=" POSTGRES ", address_type_group_name="DATABASE")
    (address_type,) = await world.all_address_types()
    assert (address_type.name, address_type.group_name, address_type.updated_at) == (
        "Postgres", "Database", None,
    )  # fmt: skip


async def test_another_group_in_a_declaration_changes_the_type(world: World) -> None:
    await world.address("orders", address_type_group_name="database")
    world.clock.instant = at(60)
    await world.address("orders", address_type_group_name="warehouse")
    (address_type,) = await world.all_address_types()
    assert (address_type.group_name, address_type.updated_at) == ("warehouse", at(60))


async def test_a_change_of_a_type_survives_new_addresses_that_declare_it_as_before(world: World) -> None:
    await world.address("orders")
    changed = await world.address_types.change("postgres", {"group_name": "warehouse"}, at(60))
    world.clock.instant = at(120)
    await world.address("refunds")
    assert await world.all_address_types() == [changed]


async def test_a_change_of_an_address_survives_an_unchanged_declaration(world: World) -> None:
    identity = await world.address(**FULL)
    changed = await world.addresses.change(identity, {"primary_key": "mended"}, at(60))
    world.clock.instant = at(120)
    await world.address(**FULL)
    assert await world.addresses.get(identity) == changed


@pytest.mark.parametrize("group", ["database", "Database", " DATABASE "])
@pytest.mark.parametrize("name", ["shop.sales.orders", " shop . sales . orders ", "shop.sales.orders\n"])
async def test_in_the_group_database_a_name_of_three_parts_says_the_place(
    world: World, group: str, name: str
) -> None:
    identity = await world.address(name, address_type_group_name=group)
    assert await place_of(world, identity) == ("shop", "sales", "orders")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"database_name": "d"}, ("d", "sales", "orders")),
        ({"schema_name": "s", "table_name": None}, ("shop", "s", "orders")),
        ({"table_name": "t"}, ("shop", "sales", "t")),
        ({"database_name": "d", "schema_name": "s", "table_name": "t"}, ("d", "s", "t")),
        ({"database_name": ""}, ("", "sales", "orders")),
    ],
)
async def test_what_is_given_of_the_place_counts_more_than_the_name(
    world: World, given: Placing, place: tuple[str, ...]
) -> None:
    assert await place_of(world, await world.address("shop.sales.orders", **given)) == place


@pytest.mark.parametrize(
    "name", ["orders", "sales.orders", "a.b.c.d", "a..c", ".b.c", "a. .c", "a.b.", "..."]
)
async def test_a_name_of_other_than_three_parts_says_no_place(world: World, name: str) -> None:
    assert await place_of(world, await world.address(name)) == (None, None, None)


async def test_in_other_groups_no_name_says_a_place(world: World) -> None:
    identity = await world.address("shop.sales.orders", address_type_group_name="databases")
    assert await place_of(world, identity) == (None, None, None)


@pytest.mark.parametrize(
    ("spelling", "given"),
    [("SHOP.Sales.orders", {}), ("shop.sales.orders", {"database_name": "shop", "table_name": "orders"})],
)
async def test_to_say_again_what_the_name_says_is_no_change(
    world: World, spelling: str, given: Placing
) -> None:
    identity = await world.address("shop.sales.orders")
    before = await world.addresses.get(identity)
    world.clock.instant = at(60)
    await world.address(spelling, **given)
    assert await world.addresses.get(identity) == before


async def test_the_use_case_declares_an_address_at_the_time_of_its_clock(world: World) -> None:
    declared = await world.watcher.declare_address(placed())
    world.clock.instant = at(60)
    assert not (await world.watcher.declare_address(placed(primary_key="id"))).created
    held = await world.addresses.get(declared.id)
    assert (held.created_at, held.updated_at) == (NOON, at(60))
