"""A change names fields, and touches those alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.contract.world import NOBODY, NOON, World, at
from watcher.domain.clock import LAST
from watcher.domain.errors import InvalidValue
from watcher.domain.page import Page
from watcher.domain.pipeline import PipelineChanges, PipelineNameTaken, PipelineNotFound
from watcher.domain.pipeline_type import PipelineTypeNotFound
from watcher.domain.span import Datepart


@pytest.fixture
async def identity(world: World) -> int:
    return await world.pipeline(
        "Orders",
        next_watermark="march",
        pipeline_metadata={"rows": 1},
        freshness_number=1,
        freshness_datepart=Datepart.DAY,
        timeliness_number=1,
        timeliness_datepart=Datepart.HOUR,
    )


CHANGES: list[PipelineChanges] = [
    {"name": "Sales"},
    {"name": "ORDERS"},
    {"watermark": "1"},
    {"watermark": " Spaces and CASE kept "},
    {"next_watermark": "april"},
    {"next_watermark": None},
    {"pipeline_metadata": {"rows": True}},
    {"pipeline_metadata": {"rows": [{}]}},
    {"pipeline_metadata": None},
    {"last_target_insert": at(-60)},
    {"last_target_update": at(0.000001)},
    {"last_target_soft_delete": LAST - timedelta(microseconds=1)},
    {"freshness_number": 2},
    {"freshness_datepart": Datepart.MONTH},
    {"freshness_number": None, "freshness_datepart": None},
    {"timeliness_number": 2**31 - 1, "timeliness_datepart": Datepart.QUARTER},
    {"mute_freshness_check": True},
    {"mute_timeliness_check": True},
    {"load_lineage": False},
    {"active": False},
]


@pytest.mark.parametrize("changes", CHANGES, ids=str)
async def test_a_change_changes_the_named_fields_alone(
    world: World, identity: int, changes: PipelineChanges
) -> None:
    before = await world.pipelines.get(identity)
    changed = await world.pipelines.change(identity, changes, at(60))
    assert changed == replace(before, **changes, updated_at=at(60))
    assert await world.pipelines.get(identity) == changed


async def test_a_field_that_was_set_can_be_cleared(world: World, identity: int) -> None:
    cleared: PipelineChanges = {
        "watermark": None,
        "last_target_insert": None,
        "last_target_update": None,
        "last_target_soft_delete": None,
    }
    before = await world.pipelines.get(identity)
    await world.pipelines.change(identity, {"watermark": "1", "last_target_insert": NOON}, at(60))
    changed = await world.pipelines.change(identity, cleared, at(120))
    assert changed == replace(before, updated_at=at(120))


async def test_a_pipeline_is_named_in_any_spelling_to_be_changed(world: World, identity: int) -> None:
    changed = await world.pipelines.change(" oRDERS", {"active": False}, at(60))
    assert (changed.id, changed.active, changed.name) == (identity, False, "Orders")


async def test_a_pipeline_moves_to_another_type(world: World, identity: int) -> None:
    await world.pipeline("refunds", pipeline_type_name="export")
    export = next(row.id for row in await world.all_pipeline_types() if row.name == "export")
    changed = await world.pipelines.change(identity, {"pipeline_type_id": export}, at(60))
    assert changed.pipeline_type_id == export


async def test_a_pipeline_cannot_move_to_an_unknown_type(world: World, identity: int) -> None:
    before = await world.pipelines.get(identity)
    with pytest.raises(PipelineTypeNotFound) as refusal:
        await world.pipelines.change(identity, {"pipeline_type_id": NOBODY, "active": False}, at(60))
    assert refusal.value == PipelineTypeNotFound(NOBODY)
    assert await world.pipelines.get(identity) == before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": " Orders "},
        {"pipeline_metadata": {"rows": 1.0}},
        {"freshness_number": 1, "freshness_datepart": Datepart.DAY},
        {"active": True, "watermark": None},
    ],
    ids=str,
)
async def test_a_change_that_changes_nothing_leaves_the_time(
    world: World, identity: int, changes: PipelineChanges
) -> None:
    before = await world.pipelines.get(identity)
    assert await world.pipelines.change(identity, changes, at(60)) == before
    assert await world.pipelines.get(identity) == before


async def test_a_pipeline_cannot_take_the_name_of_another(world: World, identity: int) -> None:
    other = await world.pipeline("refunds")
    with pytest.raises(PipelineNameTaken) as refusal:
        await world.pipelines.change(other, {"name": "orders", "active": False}, at(60))
    assert (await world.pipelines.get(identity)).name == "Orders"
    assert refusal.value == PipelineNameTaken("orders")
    held = await world.pipelines.get(other)
    assert (held.name, held.active, held.updated_at) == ("refunds", True, None)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"freshness_number": None}, "freshness_number and freshness_datepart come together"),
        ({"timeliness_datepart": None}, "timeliness_number and timeliness_datepart come together"),
        ({"freshness_number": 0}, "freshness_number must be between 1"),
        ({"name": "  "}, "name must not be blank"),
        ({"name": "x" * 1001}, "name is longer than 1,000 characters"),
        ({"watermark": "x" * 1001}, "watermark is longer than 1,000 characters"),
        ({"next_watermark": "a\x00b"}, "next_watermark contains a NUL character"),
        ({"watermark": "\ud800"}, "watermark contains a lone surrogate"),
        ({"last_target_update": LAST}, "last_target_update is the first or the last instant"),
        (
            {"pipeline_metadata": {"a": float("nan")}},
            "pipeline_metadata contains a number that is not finite",
        ),
    ],
    ids=str,
)
async def test_the_rules_hold_for_the_changed_pipeline(
    world: World, identity: int, changes: PipelineChanges, rule: str
) -> None:
    before = await world.pipelines.get(identity)
    with pytest.raises(InvalidValue, match=rule):
        await world.pipelines.change(identity, changes, at(60))
    assert await world.pipelines.get(identity) == before


async def test_an_unknown_pipeline_can_neither_be_read_nor_changed(world: World) -> None:
    with pytest.raises(PipelineNotFound) as by_id:
        await world.pipelines.change(NOBODY, {"active": False}, NOON)
    with pytest.raises(PipelineNotFound) as by_name:
        await world.pipelines.change("nobody", {"active": False}, NOON)
    with pytest.raises(PipelineNotFound) as read:
        await world.pipelines.get(NOBODY)
    facts = [by_id.value.reference, by_name.value.reference, read.value.reference]
    assert facts == [NOBODY, "nobody", NOBODY]


async def test_the_use_case_changes_at_the_time_of_its_clock(world: World, identity: int) -> None:
    world.clock.instant = at(60)
    assert (await world.watcher.change_pipeline(identity, {"active": False})).updated_at == at(60)


async def test_pipelines_are_read_in_pages_by_id(world: World) -> None:
    identities = [await world.pipeline(f"pipeline {number}") for number in range(7)]
    first = await world.pipelines.page(Page(limit=3))
    second = await world.pipelines.page(Page(limit=4, after=first.last(lambda row: row.id)))
    assert [row.id for row in first.items] == identities[:3]
    assert [row.id for row in second.items] == identities[3:]
    assert (first.more, second.more) == (True, False)
    assert (await world.pipelines.page(Page(after=identities[-1]))).items == []


async def test_a_page_can_be_asked_for_one_name_in_any_spelling(world: World, identity: int) -> None:
    await world.pipeline("refunds")
    found = await world.pipelines.page(Page(limit=1), name="  ORDERS ")
    assert ([row.id for row in found.items], found.more) == ([identity], False)
    assert (await world.pipelines.page(Page(), name="nobody")).items == []
    assert (await world.pipelines.page(Page(after=identity), name="orders")).items == []
