"""Stale data: noticed once, by the pipeline's threshold or its type's, and noticed again when it is over."""

from asyncio import gather
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.world import NOON, Declaring, World, at, succeeded
from watcher.domain.freshness import FreshnessChecked, SpellEnding, SpellFilter
from watcher.domain.page import Page
from watcher.domain.pipeline import PipelineChanges
from watcher.domain.pipeline_type import PipelineTypeDeclaration
from watcher.domain.span import Datepart

MINUTE = 60.0
HOURLY: Declaring = {"freshness_number": 1, "freshness_datepart": Datepart.HOUR}


async def checked(world: World, seconds: float) -> FreshnessChecked:
    """What the check says so many seconds after noon."""
    world.clock.instant = at(seconds)
    return await world.watcher.check_freshness()


async def opened(world: World, seconds: float) -> list[str]:
    """The names of the pipelines that a check finds newly stale."""
    return [spell.pipeline_name for spell in (await checked(world, seconds)).opened]


async def wrote(world: World, pipeline_id: int, seconds: float, **counts: int) -> None:
    run = await world.start(pipeline_id, seconds)
    await world.end(run, succeeded(seconds, **counts))  # type: ignore[arg-type]


async def hourly_type(world: World, name: str = "load", *, muted: bool = False) -> None:
    declaration = PipelineTypeDeclaration(
        name=name, freshness_number=1, freshness_datepart=Datepart.HOUR, mute_freshness_check=muted
    )
    await world.pipeline_types.declare(declaration, NOON)


async def test_a_pipeline_is_stale_once_its_threshold_has_passed(world: World) -> None:
    await world.pipeline(**HOURLY)
    assert await opened(world, 60 * MINUTE) == []
    assert await opened(world, 60 * MINUTE + 0.000_001) == ["orders"]


@pytest.mark.parametrize("count", ["inserts", "updates", "soft_deletes"])
async def test_the_last_change_is_the_latest_of_all_kinds(world: World, count: str) -> None:
    identity = await world.pipeline(**HOURLY)
    await wrote(world, identity, 0, inserts=1, updates=1, soft_deletes=1)
    await wrote(world, identity, 30 * MINUTE, **{count: 1})
    assert await opened(world, 90 * MINUTE) == []
    (spell,) = (await checked(world, 91 * MINUTE)).opened
    assert (spell.last_change, spell.due_at) == (at(30 * MINUTE), at(90 * MINUTE))


async def test_who_never_wrote_is_stale_after_its_creation(world: World) -> None:
    identity = await world.pipeline(**HOURLY)
    await wrote(world, identity, 30 * MINUTE, inserts=0)
    (spell,) = (await checked(world, 61 * MINUTE)).opened
    assert (spell.last_change, spell.due_at) == (None, at(60 * MINUTE))


async def test_a_spell_has_the_facts(world: World) -> None:
    identity = await world.pipeline("Orders", freshness_number=2, freshness_datepart=Datepart.HOUR)
    (spell,) = (await checked(world, 121 * MINUTE)).opened
    assert (spell.pipeline_id, spell.pipeline_name) == (identity, "Orders")
    assert (spell.detected_at, spell.due_at) == (at(121 * MINUTE), at(120 * MINUTE))
    assert (spell.threshold_number, spell.threshold_datepart) == (2, Datepart.HOUR)
    assert spell.threshold_own
    assert (spell.ended_at, spell.ending) == (None, None)
    assert await world.all_stale_spells() == [spell]


async def test_the_threshold_is_the_pipelines_or_else_that_of_its_type(world: World) -> None:
    await hourly_type(world)
    await world.pipeline("by type")
    await world.pipeline("own", freshness_number=2, freshness_datepart=Datepart.DAY)
    await world.pipeline("none", pipeline_type_name="other")
    (spell,) = (await checked(world, 61 * MINUTE)).opened
    assert (spell.pipeline_name, spell.threshold_own) == ("by type", False)
    assert (spell.threshold_number, spell.threshold_datepart) == (1, Datepart.HOUR)


@pytest.mark.parametrize(
    ("part", "number", "changed", "due"),
    [
        (Datepart.WEEK, 2, datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 15, tzinfo=UTC)),
        (Datepart.MONTH, 1, datetime(2026, 1, 31, 6, tzinfo=UTC), datetime(2026, 2, 28, 6, tzinfo=UTC)),
        (Datepart.MONTH, 1, datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        (Datepart.QUARTER, 1, datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)),
        (Datepart.YEAR, 1, datetime(2024, 2, 29, tzinfo=UTC), datetime(2025, 2, 28, tzinfo=UTC)),
    ],
)
async def test_the_threshold_of_a_type_is_of_the_calendar(
    world: World, part: Datepart, number: int, changed: datetime, due: datetime
) -> None:
    declaration = PipelineTypeDeclaration(name="load", freshness_number=number, freshness_datepart=part)
    await world.pipeline_types.declare(declaration, NOON)
    await world.pipelines.change(await world.pipeline(), {"last_target_insert": changed}, NOON)
    world.clock.instant = due
    assert (await world.watcher.check_freshness()).opened == []
    world.clock.instant += timedelta(microseconds=1)
    (spell,) = (await world.watcher.check_freshness()).opened
    assert (spell.due_at, spell.threshold_own) == (due, False)


@pytest.mark.parametrize("changes", [{"active": False}, {"mute_freshness_check": True}])
async def test_who_is_inactive_or_muted_is_skipped(world: World, changes: PipelineChanges) -> None:
    identity = await world.pipeline(**HOURLY)
    await world.pipelines.change(identity, changes, NOON)
    assert await opened(world, 61 * MINUTE) == []


async def test_who_is_of_a_muted_type_is_skipped(world: World) -> None:
    await hourly_type(world, muted=True)
    await world.pipeline("by type")
    await world.pipeline("own", **HOURLY)
    assert await opened(world, 61 * MINUTE) == []


async def test_a_spell_is_recorded_once(world: World) -> None:
    await world.pipeline(**HOURLY)
    before = await checked(world, 61 * MINUTE)
    assert await checked(world, 62 * MINUTE) == FreshnessChecked([], [])
    assert await world.all_stale_spells() == before.opened


async def test_a_spell_ends_when_the_pipeline_writes_and_the_next_is_another(world: World) -> None:
    identity = await world.pipeline(**HOURLY)
    (first,) = (await checked(world, 61 * MINUTE)).opened
    await wrote(world, identity, 62 * MINUTE, inserts=1)
    after = await checked(world, 63 * MINUTE)
    assert after.opened == []
    assert [(spell.id, spell.ended_at, spell.ending) for spell in after.ended] == [
        (first.id, at(63 * MINUTE), SpellEnding.RECOVERED)
    ]
    assert await checked(world, 64 * MINUTE) == FreshnessChecked([], [])
    (second,) = (await checked(world, 123 * MINUTE)).opened
    assert await world.all_stale_spells() == [second, *after.ended]


async def test_a_spell_goes_on_where_a_write_was_too_old(world: World) -> None:
    identity = await world.pipeline(**HOURLY)
    await checked(world, 300 * MINUTE)
    await wrote(world, identity, 60 * MINUTE, inserts=1)
    assert await checked(world, 301 * MINUTE) == FreshnessChecked([], [])


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"active": False}, SpellEnding.INACTIVE),
        ({"mute_freshness_check": True}, SpellEnding.MUTED),
        ({"active": False, "mute_freshness_check": True}, SpellEnding.INACTIVE),
        ({"freshness_number": None, "freshness_datepart": None}, SpellEnding.WITHOUT_THRESHOLD),
        ({"freshness_number": 2}, SpellEnding.RECOVERED),
    ],
)
async def test_a_spell_that_is_set_aside_says_why(
    world: World, changes: PipelineChanges, ending: SpellEnding
) -> None:
    identity = await world.pipeline(**HOURLY)
    await checked(world, 61 * MINUTE)
    await world.pipelines.change(identity, changes, NOON)
    (spell,) = (await checked(world, 62 * MINUTE)).ended
    assert (spell.ended_at, spell.ending) == (at(62 * MINUTE), ending)


async def test_a_spell_ends_with_the_mute_of_its_type(world: World) -> None:
    await hourly_type(world)
    await world.pipeline()
    await checked(world, 61 * MINUTE)
    await world.pipeline_types.change("load", {"mute_freshness_check": True}, NOON)
    (spell,) = (await checked(world, 62 * MINUTE)).ended
    assert spell.ending is SpellEnding.MUTED


async def test_a_spell_does_not_end_before_it_began_though_clocks_differ(world: World) -> None:
    identity = await world.pipeline(**HOURLY)
    await checked(world, 120 * MINUTE)
    await wrote(world, identity, 90 * MINUTE, inserts=1)
    (spell,) = (await checked(world, 119 * MINUTE)).ended
    assert spell.ended_at == spell.detected_at


async def test_a_spell_goes_by_the_name_of_today(world: World) -> None:
    identity = await world.pipeline(**HOURLY)
    await checked(world, 61 * MINUTE)
    await world.pipelines.change(identity, {"name": "purchases"}, NOON)
    assert [spell.pipeline_name for spell in await world.all_stale_spells()] == ["purchases"]


@pytest.mark.parametrize(
    ("datepart", "due_at"),
    [
        (Datepart.MONTH, datetime(2026, 2, 28, 12, tzinfo=UTC)),
        (Datepart.QUARTER, datetime(2026, 4, 30, 12, tzinfo=UTC)),
        (Datepart.YEAR, datetime(2027, 1, 31, 12, tzinfo=UTC)),
    ],
)
async def test_months_are_those_of_the_calendar(world: World, datepart: Datepart, due_at: datetime) -> None:
    world.clock.instant = datetime(2026, 1, 31, 12, tzinfo=UTC)
    await world.pipeline(freshness_number=1, freshness_datepart=datepart)
    world.clock.instant = due_at
    assert (await world.watcher.check_freshness()).opened == []
    world.clock.instant = due_at + timedelta(microseconds=1)
    assert [spell.due_at for spell in (await world.watcher.check_freshness()).opened] == [due_at]


@pytest.mark.parametrize("datepart", Datepart)
async def test_a_threshold_beyond_the_calendar_is_never_passed(world: World, datepart: Datepart) -> None:
    await world.pipeline(freshness_number=2**31 - 1, freshness_datepart=datepart)
    assert await opened(world, 10**9) == []


async def test_of_many_checks_at_once_each_spell_is_opened_and_ended_by_one(world: World) -> None:
    identities = [await world.pipeline(f"pipeline {number}", **HOURLY) for number in range(20)]
    world.clock.instant = at(61 * MINUTE)
    answers = await gather(*(world.watcher.check_freshness() for _ in range(6)))
    assert sorted(spell.pipeline_id for each in answers for spell in each.opened) == identities
    for identity in identities:
        await wrote(world, identity, 62 * MINUTE, updates=1)
    answers = await gather(*(world.watcher.check_freshness() for _ in range(6)))
    assert sorted(spell.pipeline_id for each in answers for spell in each.ended) == identities
    assert [each.opened for each in answers] == [[]] * 6
    assert len(await world.all_stale_spells()) == 20


async def test_the_log_is_read_in_pages_and_by_filters(world: World) -> None:
    first, second = await world.pipeline("first", **HOURLY), await world.pipeline("second", **HOURLY)
    await checked(world, 61 * MINUTE)
    await wrote(world, first, 62 * MINUTE, inserts=1)
    await checked(world, 63 * MINUTE)
    await checked(world, 200 * MINUTE)
    spells = world.container.stale_spells()

    async def found(page: Page | None = None, **wanted: int | bool) -> list[tuple[int, bool]]:
        rows = await spells.page(SpellFilter(**wanted), page or Page())  # type: ignore[arg-type]
        return [(row.pipeline_id, row.ended_at is None) for row in rows.items]

    assert await found() == [(first, True), (second, True), (first, False)]
    assert await found(open=True) == [(first, True), (second, True)]
    assert await found(open=False) == [(first, False)]
    assert await found(pipeline_id=first) == [(first, True), (first, False)]
    assert await found(pipeline_id=first, open=False) == [(first, False)]
    newest = await spells.page(SpellFilter(), Page(limit=2))
    assert newest.more
    assert await found(Page(limit=2, after=newest.items[-1].id)) == [(first, False)]
