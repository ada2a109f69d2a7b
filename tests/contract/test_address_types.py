"""Address types: declared by name, changed by field, read in pages."""

from asyncio import gather
from dataclasses import replace

import pytest

from tests.contract.world import NOBODY, NOON, World, at
from watcher.domain.address_type import (
    AddressType,
    AddressTypeChanges,
    AddressTypeDeclaration,
    AddressTypeNameTaken,
    AddressTypeNotFound,
)
from watcher.domain.errors import InvalidValue
from watcher.domain.page import Page

POSTGRES = AddressTypeDeclaration(name="Postgres", group_name="Database")


async def declared(world: World, name: str = "Postgres", group_name: str = "Database") -> int:
    declaration = AddressTypeDeclaration(name=name, group_name=group_name)
    return (await world.address_types.declare(declaration, world.clock.now())).id


async def test_a_new_address_type_has_what_was_declared(world: World) -> None:
    identity = await declared(world, " Postgres ", "\tDatabase ")
    assert await world.address_types.get(identity) == AddressType(
        id=identity, name="Postgres", group_name="Database", created_at=NOON, updated_at=None
    )


async def test_an_address_type_is_created_once_by_any_spelling_and_keeps_the_first(world: World) -> None:
    first = await world.address_types.declare(AddressTypeDeclaration(name=" Größe ", group_name="g"), NOON)
    again = await world.address_types.declare(AddressTypeDeclaration(name="GRÖSSE", group_name="g"), NOON)
    assert (first.created, again.created) == (True, False)
    assert first.id == again.id
    assert (await world.address_types.get(first.id)).name == "Größe"


async def test_of_many_simultaneous_declarations_of_an_address_type_one_creates_it(world: World) -> None:
    answers = await gather(*(world.address_types.declare(POSTGRES, NOON) for _ in range(24)))
    assert sorted(each.created for each in answers) == [False] * 23 + [True]
    assert len({each.id for each in answers}) == 1
    assert len(await world.all_address_types()) == 1


@pytest.mark.parametrize("group_name", ["Database", "DATABASE", " database "])
async def test_an_unchanged_declaration_of_an_address_type_changes_nothing(
    world: World, group_name: str
) -> None:
    identity = await declared(world)
    before = await world.address_types.get(identity)
    world.clock.instant = at(60)
    assert await declared(world, "POSTGRES", group_name) == identity
    assert await world.address_types.get(identity) == before


async def test_a_changed_declaration_of_an_address_type_is_taken_over(world: World) -> None:
    identity = await declared(world)
    world.clock.instant = at(60)
    assert await declared(world, "POSTGRES", "Warehouse") == identity
    assert await world.address_types.get(identity) == AddressType(
        id=identity, name="Postgres", group_name="Warehouse", created_at=NOON, updated_at=at(60)
    )


async def test_a_change_of_an_address_type_survives_an_unchanged_declaration(world: World) -> None:
    identity = await declared(world)
    changed = await world.address_types.change(identity, {"group_name": "Warehouse"}, at(60))
    world.clock.instant = at(120)
    await declared(world)
    assert await world.address_types.get(identity) == changed


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "MySQL"},
        {"name": "POSTGRES"},
        {"group_name": "Warehouse"},
        {"group_name": "DATABASE"},
        {"name": "n" * 150, "group_name": "g" * 150},
    ],
    ids=str,
)
async def test_a_change_of_an_address_type_changes_the_named_fields_alone(
    world: World, changes: AddressTypeChanges
) -> None:
    identity = await declared(world)
    before = await world.address_types.get(identity)
    changed = await world.address_types.change(" postgres", changes, at(60))
    assert changed == replace(before, **changes, updated_at=at(60))
    assert await world.address_types.get(identity) == changed


@pytest.mark.parametrize("changes", [{}, {"name": " Postgres "}, {"group_name": "Database "}], ids=str)
async def test_a_change_of_an_address_type_that_changes_nothing_leaves_its_time(
    world: World, changes: AddressTypeChanges
) -> None:
    identity = await declared(world)
    assert (await world.address_types.change(identity, changes, at(60))).updated_at is None
    assert (await world.address_types.get(identity)).updated_at is None


@pytest.mark.parametrize("field", ["name", "group_name"])
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x" * 151, "is longer than 150 characters"),
        (" \t", "must not be blank"),
        ("a\x00b", "contains a NUL character"),
        ("\ud800", "contains a lone surrogate"),
    ],
)
async def test_the_names_of_an_address_type_have_rules(
    world: World, field: str, text: str, rule: str
) -> None:
    identity = await declared(world)
    with pytest.raises(InvalidValue, match=f"^{field} {rule}"):
        AddressTypeDeclaration(**({"name": "a", "group_name": "b"} | {field: text}))
    changes: AddressTypeChanges = {"name": text} if field == "name" else {"group_name": text}
    with pytest.raises(InvalidValue, match=f"^{field} {rule}"):
        await world.address_types.change(identity, changes, at(60))
    assert (await world.address_types.get(identity)).updated_at is None


async def test_an_address_type_cannot_take_the_name_of_another(world: World) -> None:
    await declared(world, "Postgres")
    other = await declared(world, "S3", "Object store")
    with pytest.raises(AddressTypeNameTaken) as refusal:
        await world.address_types.change(other, {"name": "pOSTGRES", "group_name": "x"}, at(60))
    assert refusal.value == AddressTypeNameTaken("pOSTGRES")
    held = await world.address_types.get(other)
    assert (held.name, held.group_name, held.updated_at) == ("S3", "Object store", None)


async def test_a_name_that_an_address_type_gave_up_is_free_again(world: World) -> None:
    first = await declared(world, "Postgres")
    await world.address_types.change(first, {"name": "MySQL"}, at(60))
    assert await declared(world, "POSTGRES") != first
    assert await declared(world, "MYSQL") == first


async def test_an_unknown_address_type_can_neither_be_read_nor_changed(world: World) -> None:
    with pytest.raises(AddressTypeNotFound) as by_id:
        await world.address_types.change(NOBODY, {"group_name": "x"}, NOON)
    with pytest.raises(AddressTypeNotFound) as by_name:
        await world.address_types.change("nobody", {"group_name": "x"}, NOON)
    with pytest.raises(AddressTypeNotFound) as read:
        await world.address_types.get(NOBODY)
    facts = [by_id.value.reference, by_name.value.reference, read.value.reference]
    assert facts == [NOBODY, "nobody", NOBODY]


async def test_address_types_are_read_in_pages_by_id(world: World) -> None:
    identities = [await declared(world, f"type {number}") for number in range(5)]
    first = await world.address_types.page(Page(limit=3))
    rest = await world.address_types.page(Page(limit=3, after=identities[2]))
    assert [row.id for row in first.items] == identities[:3]
    assert [row.id for row in rest.items] == identities[3:]
    assert (first.more, rest.more) == (True, False)


async def test_the_use_cases_of_address_types_act_at_the_time_of_their_clock(world: World) -> None:
    identity = (await world.watcher.declare_address_type(POSTGRES)).id
    world.clock.instant = at(60)
    changed = await world.watcher.change_address_type("postgres", {"group_name": "Warehouse"})
    assert (changed.id, changed.created_at, changed.updated_at) == (identity, NOON, at(60))
