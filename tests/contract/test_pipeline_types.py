"""Pipeline types: declared by name, changed by field, read in pages."""

from asyncio import gather
from dataclasses import replace

import pytest

from tests.contract.world import NOBODY, NOON, World, at
from watcher.domain.errors import InvalidValue
from watcher.domain.page import Page
from watcher.domain.pipeline_type import (
    PipelineType,
    PipelineTypeChanges,
    PipelineTypeDeclaration,
    PipelineTypeNameTaken,
    PipelineTypeNotFound,
)
from watcher.domain.span import Datepart

DAILY = PipelineTypeDeclaration(name="Daily", freshness_number=1, freshness_datepart=Datepart.DAY)


async def declared(world: World, name: str = "Daily") -> int:
    return (await world.pipeline_types.declare(PipelineTypeDeclaration(name=name), world.clock.now())).id


async def test_a_type_is_created_once_by_any_spelling_and_keeps_the_first(world: World) -> None:
    first = await world.pipeline_types.declare(PipelineTypeDeclaration(name="  Größe "), NOON)
    again = await world.pipeline_types.declare(PipelineTypeDeclaration(name="GRÖSSE"), NOON)
    assert (first.created, again.created) == (True, False)
    assert first.id == again.id
    assert (await world.pipeline_types.get(first.id)).name == "Größe"


async def test_a_new_type_has_what_was_declared(world: World) -> None:
    declaration = PipelineTypeDeclaration(
        name="Daily",
        freshness_number=3,
        freshness_datepart=Datepart.HOUR,
        mute_freshness_check=True,
        timeliness_number=2**31 - 1,
        timeliness_datepart=Datepart.QUARTER,
        mute_timeliness_check=True,
    )
    identity = (await world.pipeline_types.declare(declaration, NOON)).id
    assert await world.pipeline_types.get(identity) == PipelineType(
        id=identity,
        name="Daily",
        freshness_number=3,
        freshness_datepart=Datepart.HOUR,
        mute_freshness_check=True,
        timeliness_number=2**31 - 1,
        timeliness_datepart=Datepart.QUARTER,
        mute_timeliness_check=True,
        created_at=NOON,
        updated_at=None,
    )


async def test_of_many_simultaneous_declarations_of_a_type_one_creates_it(world: World) -> None:
    declared = await gather(*(world.pipeline_types.declare(DAILY, NOON) for _ in range(24)))
    assert sorted(each.created for each in declared) == [False] * 23 + [True]
    assert len({each.id for each in declared}) == 1
    assert len(await world.all_pipeline_types()) == 1


async def test_an_unchanged_declaration_of_a_type_changes_nothing(world: World) -> None:
    identity = (await world.pipeline_types.declare(DAILY, NOON)).id
    before = await world.pipeline_types.get(identity)
    await world.pipeline_types.declare(DAILY, at(60))
    assert await world.pipeline_types.get(identity) == before


async def test_a_changed_declaration_of_a_type_is_taken_over(world: World) -> None:
    identity = (await world.pipeline_types.declare(DAILY, NOON)).id
    weekly = PipelineTypeDeclaration(name="DAILY", timeliness_number=2, timeliness_datepart=Datepart.WEEK)
    assert not (await world.pipeline_types.declare(weekly, at(60))).created
    assert await world.pipeline_types.get(identity) == PipelineType(
        id=identity,
        name="Daily",
        timeliness_number=2,
        timeliness_datepart=Datepart.WEEK,
        created_at=NOON,
        updated_at=at(60),
    )


async def test_a_type_first_named_by_a_pipeline_can_be_declared_afterwards(world: World) -> None:
    await world.pipeline(pipeline_type_name="Daily")
    declared = await world.pipeline_types.declare(DAILY, at(60))
    held = await world.pipeline_types.get(declared.id)
    assert not declared.created
    assert (held.freshness_number, held.updated_at) == (1, at(60))


async def test_a_change_of_a_type_survives_an_unchanged_declaration(world: World) -> None:
    identity = (await world.pipeline_types.declare(DAILY, NOON)).id
    changed = await world.pipeline_types.change(identity, {"freshness_number": 5}, at(60))
    await world.pipeline_types.declare(DAILY, at(120))
    assert await world.pipeline_types.get(identity) == changed


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Nightly"},
        {"name": "DAILY"},
        {"freshness_number": 2},
        {"freshness_datepart": Datepart.YEAR},
        {"freshness_number": None, "freshness_datepart": None},
        {"timeliness_number": 3, "timeliness_datepart": Datepart.MINUTE},
        {"mute_freshness_check": True},
        {"mute_timeliness_check": True},
    ],
)
async def test_a_change_of_a_type_changes_the_named_fields_alone(
    world: World, changes: PipelineTypeChanges
) -> None:
    identity = (await world.pipeline_types.declare(DAILY, NOON)).id
    before = await world.pipeline_types.get(identity)
    changed = await world.pipeline_types.change("daily", changes, at(60))
    assert changed == replace(before, **changes, updated_at=at(60))
    assert await world.pipeline_types.get(identity) == changed


async def test_a_change_of_a_type_that_changes_nothing_leaves_its_time(world: World) -> None:
    identity = (await world.pipeline_types.declare(DAILY, NOON)).id
    changed = await world.pipeline_types.change(identity, {"name": " Daily ", "freshness_number": 1}, at(60))
    assert changed.updated_at is None
    assert await world.pipeline_types.get(identity) == changed


async def test_a_type_cannot_take_the_name_of_another(world: World) -> None:
    await declared(world, "Daily")
    other = await declared(world, "Weekly")
    with pytest.raises(PipelineTypeNameTaken) as refusal:
        await world.pipeline_types.change(other, {"name": "dAILY"}, at(60))
    assert refusal.value == PipelineTypeNameTaken("dAILY")
    assert (await world.pipeline_types.get(other)).name == "Weekly"


async def test_a_name_that_a_type_gave_up_is_free_again(world: World) -> None:
    first = await declared(world, "Daily")
    await world.pipeline_types.change(first, {"name": "Nightly"}, at(60))
    assert await declared(world, "DAILY") != first
    assert await declared(world, "NIGHTLY") == first


async def test_the_rules_of_a_span_hold_for_the_changed_type(world: World) -> None:
    identity = (await world.pipeline_types.declare(DAILY, NOON)).id
    with pytest.raises(InvalidValue, match="freshness_number and freshness_datepart come together"):
        await world.pipeline_types.change(identity, {"freshness_datepart": None}, at(60))
    with pytest.raises(InvalidValue, match="timeliness_number and timeliness_datepart come together"):
        await world.pipeline_types.change(identity, {"timeliness_number": 1}, at(60))
    assert (await world.pipeline_types.get(identity)).updated_at is None


async def test_an_unknown_type_can_neither_be_read_nor_changed(world: World) -> None:
    with pytest.raises(PipelineTypeNotFound) as by_id:
        await world.pipeline_types.change(NOBODY, {"mute_freshness_check": True}, NOON)
    with pytest.raises(PipelineTypeNotFound) as by_name:
        await world.pipeline_types.change("nobody", {"mute_freshness_check": True}, NOON)
    with pytest.raises(PipelineTypeNotFound) as read:
        await world.pipeline_types.get(NOBODY)
    facts = [by_id.value.reference, by_name.value.reference, read.value.reference]
    assert facts == [NOBODY, "nobody", NOBODY]


async def test_types_are_read_in_pages_by_id(world: World) -> None:
    identities = [await declared(world, f"type {number}") for number in range(5)]
    first = await world.pipeline_types.page(Page(limit=3))
    rest = await world.pipeline_types.page(Page(limit=3, after=identities[2]))
    assert [row.id for row in first.items] == identities[:3]
    assert [row.id for row in rest.items] == identities[3:]
    assert (first.more, rest.more) == (True, False)
