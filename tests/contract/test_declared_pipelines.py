"""Pipelines are declared by name, again and again, and only a changed declaration changes them."""

from asyncio import gather
from dataclasses import replace

import pytest

from tests.contract.world import NOON, Declaring, World, at, declaration, succeeded
from watcher.domain.pipeline import Pipeline, PipelineDeclared
from watcher.domain.span import Datepart

FULL: Declaring = {
    "pipeline_type_name": "Load",
    "next_watermark": "2026-03-01",
    "pipeline_metadata": {"owner": {"team": "data", "people": [1, 2.5, None, True]}},
    "freshness_number": 1,
    "freshness_datepart": Datepart.DAY,
    "timeliness_number": 90,
    "timeliness_datepart": Datepart.MINUTE,
}


async def test_a_new_pipeline_has_what_was_declared(world: World) -> None:
    (declared,) = await world.pipelines.declare([declaration("Orders", **FULL)], NOON)
    assert declared == PipelineDeclared(declared.id, True, True, None, created=True)
    (pipeline_type,) = await world.all_pipeline_types()
    assert (pipeline_type.name, pipeline_type.created_at) == ("Load", NOON)
    assert await world.pipelines.get(declared.id) == Pipeline(
        id=declared.id,
        name="Orders",
        pipeline_type_id=pipeline_type.id,
        next_watermark="2026-03-01",
        pipeline_metadata={"owner": {"team": "data", "people": [1, 2.5, None, True]}},
        freshness_number=1,
        freshness_datepart=Datepart.DAY,
        timeliness_number=90,
        timeliness_datepart=Datepart.MINUTE,
        created_at=NOON,
    )


@pytest.mark.parametrize("spelling", ["straße 7", "STRASSE 7", "  Strasse 7\t", "STRAßE 7"])
async def test_a_pipeline_is_found_by_any_spelling_and_keeps_the_first(world: World, spelling: str) -> None:
    first = await world.pipeline(" Straße 7 ")
    (again,) = await world.pipelines.declare([declaration(spelling)], at(60))
    assert (again.id, again.created) == (first, False)
    assert [row.name for row in await world.all_pipelines()] == ["Straße 7"]


async def test_composed_and_decomposed_letters_spell_the_same_name(world: World) -> None:
    assert await world.pipeline("caf\u00e9") == await world.pipeline("CAFE\u0301")


async def test_a_name_may_have_a_thousand_letters_of_any_script(world: World) -> None:
    name = "𝕎ä" * 500
    identity = await world.pipeline(name, pipeline_type_name="ñ" * 150)
    assert (await world.pipelines.get(identity)).name == name


async def test_of_many_simultaneous_declarations_one_creates_the_pipeline(world: World) -> None:
    declared = await gather(
        *(world.pipelines.declare([declaration("orders", **FULL)], NOON) for _ in range(24))
    )
    assert sorted(each.created for (each,) in declared) == [False] * 23 + [True]
    assert len({each.id for (each,) in declared}) == 1
    assert [(row.name, row.updated_at) for row in await world.all_pipelines()] == [("orders", None)]
    assert len(await world.all_pipeline_types()) == 1


async def test_of_simultaneous_lists_in_opposite_order_each_pipeline_is_created_once(world: World) -> None:
    names = [declaration(f"pipeline {number}") for number in range(12)]
    there, back = await gather(
        world.pipelines.declare(names, NOON), world.pipelines.declare(names[::-1], NOON)
    )
    assert [each.id for each in there] == [each.id for each in back[::-1]]
    assert sum(each.created for each in [*there, *back]) == 12


async def test_one_list_may_declare_a_pipeline_twice(world: World) -> None:
    first, second = await world.pipelines.declare([declaration("orders"), declaration("ORDERS")], NOON)
    assert (first.created, second.created) == (True, False)
    assert first.id == second.id


async def test_an_unchanged_declaration_changes_nothing(world: World) -> None:
    identity = await world.pipeline(**FULL)
    before = await world.pipelines.get(identity)
    (again,) = await world.pipelines.declare([declaration(**FULL)], at(60))
    assert not again.created
    assert await world.pipelines.get(identity) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),
        ({"rows": 1}, {"rows": 1.0}),
        ({"rows": 100}, {"rows": 1e2}),
        ({"rows": 0.0}, {"rows": -0.0}),
    ],
)
async def test_another_spelling_of_the_same_metadata_is_no_change(
    world: World, first: dict[str, object], second: dict[str, object]
) -> None:
    identity = await world.pipeline(pipeline_metadata=first)
    world.clock.instant = at(60)
    await world.pipeline(pipeline_metadata=second)
    assert (await world.pipelines.get(identity)).updated_at is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({}, None),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": 2**53}, {"a": 2**53 + 1}),
        ({"a": "\u00e9"}, {"a": "e\u0301"}),
    ],
)
async def test_other_metadata_is_a_change(
    world: World, first: dict[str, object], second: dict[str, object] | None
) -> None:
    identity = await world.pipeline(pipeline_metadata=first)
    world.clock.instant = at(60)
    await world.pipeline(pipeline_metadata=second)
    held = await world.pipelines.get(identity)
    assert held.updated_at == at(60)
    assert repr(held.pipeline_metadata) == repr(second)


async def test_a_changed_declaration_is_taken_over_with_its_type(world: World) -> None:
    identity = await world.pipeline(**FULL)
    before = await world.pipelines.get(identity)
    world.clock.instant = at(60)
    await world.pipeline(
        "ORDERS", pipeline_type_name="Export", freshness_number=2, freshness_datepart=Datepart.WEEK
    )
    types = {row.name: row.id for row in await world.all_pipeline_types()}
    assert await world.pipelines.get(identity) == replace(
        before,
        pipeline_type_id=types["Export"],
        pipeline_metadata=None,
        freshness_number=2,
        freshness_datepart=Datepart.WEEK,
        timeliness_number=None,
        timeliness_datepart=None,
        updated_at=at(60),
    )


async def test_the_type_of_a_declaration_is_found_by_any_spelling(world: World) -> None:
    await world.pipeline("orders", pipeline_type_name="Load")
    await world.pipeline("refunds", pipeline_type_name=" LOAD ")
    (pipeline_type,) = await world.all_pipeline_types()
    assert pipeline_type.name == "Load"


async def test_another_spelling_of_the_type_is_no_change(world: World) -> None:
    identity = await world.pipeline(pipeline_type_name="Load")
    world.clock.instant = at(60)
    await world.pipeline(pipeline_type_name="LOAD")
    assert (await world.pipelines.get(identity)).updated_at is None


async def test_a_new_next_watermark_is_taken_over_and_is_no_change(world: World) -> None:
    identity = await world.pipeline(**FULL)
    before = await world.pipelines.get(identity)
    world.clock.instant = at(60)
    march: Declaring = {**FULL, "next_watermark": " March "}
    await world.pipeline(**march)
    assert await world.pipelines.get(identity) == replace(before, next_watermark=" March ")


async def test_a_declaration_without_next_watermark_leaves_the_one_there_is(world: World) -> None:
    identity = await world.pipeline(next_watermark="march")
    await world.pipeline(next_watermark=None)
    await world.pipeline(next_watermark=None, pipeline_metadata={"changed": True})
    assert (await world.pipelines.get(identity)).next_watermark == "march"


async def test_a_change_survives_an_unchanged_declaration(world: World) -> None:
    identity = await world.pipeline(**FULL)
    await world.pipelines.change(identity, {"freshness_number": 9, "pipeline_metadata": None}, at(60))
    april: Declaring = {**FULL, "next_watermark": "april"}
    await world.pipelines.declare([declaration(**april)], at(120))
    held = await world.pipelines.get(identity)
    assert (held.freshness_number, held.pipeline_metadata, held.updated_at) == (9, None, at(60))
    assert held.next_watermark == "april"


async def test_a_pipeline_is_found_by_its_new_name_once_renamed(world: World) -> None:
    identity = await world.pipeline("orders")
    await world.pipelines.change(identity, {"name": "Sales"}, at(60))
    assert await world.pipeline("SALES") == identity
    assert await world.pipeline("orders") != identity


async def test_an_unchanged_declaration_needs_no_type_even_where_that_was_renamed(world: World) -> None:
    await world.pipeline(pipeline_type_name="load")
    await world.pipeline_types.change("load", {"name": "import"}, at(60))
    await world.pipeline(pipeline_type_name="load", next_watermark="march")
    assert [row.name for row in await world.all_pipeline_types()] == ["import"]


async def test_a_declaration_answers_how_far_the_pipeline_has_come(world: World) -> None:
    identity = await world.pipeline(next_watermark="march")
    await world.end(await world.start(identity), succeeded())
    (known,) = await world.pipelines.declare([declaration(next_watermark="april")], at(60))
    assert known == PipelineDeclared(identity, True, False, "march", created=False)


async def test_the_use_case_answers_the_watermark_only_to_who_declares_the_next(world: World) -> None:
    identity = await world.pipeline(next_watermark="march")
    await world.end(await world.start(identity), succeeded())
    world.clock.instant = at(60)
    told = await world.watcher.declare_pipeline(declaration(next_watermark="april"))
    untold = await world.watcher.declare_pipeline(declaration())
    created = await world.watcher.declare_pipeline(declaration("refunds"))
    assert (told.watermark, untold.watermark) == ("march", None)
    assert (await world.pipelines.get(created.id)).created_at == at(60)


async def test_no_declarations_have_no_answers(world: World) -> None:
    assert await world.pipelines.declare([], NOON) == []
