"""Late runs: found while they run, however long ago they started, or when they are over; each once."""

from asyncio import gather
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.contract.world import NOON, Declaring, World, at, failed, succeeded
from watcher.domain.errors import InvalidValue, StoreUnavailable
from watcher.domain.page import Page, Slice
from watcher.domain.pipeline import PipelineChanges
from watcher.domain.pipeline_type import PipelineTypeDeclaration
from watcher.domain.span import Datepart
from watcher.domain.timeliness import CheckTimeliness, LateRun, LateRunFilter, LateRuns, TimelinessChecked

MINUTE = 60.0
HOURLY: Declaring = {"timeliness_number": 1, "timeliness_datepart": Datepart.HOUR}
NOTHING = TimelinessChecked([], [])


async def checked(world: World, seconds: float, lookback_minutes: int | None = 60) -> TimelinessChecked:
    """What the check says so many seconds after noon."""
    world.clock.instant = at(seconds)
    return await world.watcher.check_timeliness(lookback_minutes)


async def swept(world: World, seconds: float) -> list[int]:
    """The runs found by the check that is made by itself, so many seconds after noon."""
    return [late.pipeline_execution_id for late in (await checked(world, seconds, None)).found]


@dataclass(frozen=True, slots=True)
class Failing:
    """A store that goes away while it is checked."""

    late_runs: LateRuns

    async def checked_to(self) -> datetime | None:
        return await self.late_runs.checked_to()

    async def note_checked(self, to: datetime) -> None:
        await self.late_runs.note_checked(to)

    async def check(self, now: datetime, since: datetime) -> TimelinessChecked:
        raise StoreUnavailable(f"it went away between {since} and {now}")

    async def page(self, wanted: LateRunFilter, page: Page) -> Slice[LateRun]:
        return await self.late_runs.page(wanted, page)


async def test_a_run_is_late_once_it_runs_for_longer_than_its_threshold(world: World) -> None:
    run = await world.start(await world.pipeline(**HOURLY))
    assert await checked(world, 60 * MINUTE) == NOTHING
    (late,) = (await checked(world, 60 * MINUTE + 0.000_001)).found
    assert (late.pipeline_execution_id, late.due_at, late.end_date) == (run, at(60 * MINUTE), None)


@pytest.mark.parametrize("outcome", [succeeded, failed])
async def test_a_run_that_took_too_long_is_late_however_it_ended(world: World, outcome: type) -> None:
    pipeline = await world.pipeline(**HOURLY)
    in_time, late = await world.start(pipeline), await world.start(pipeline)
    await world.end(in_time, outcome(60 * MINUTE))
    await world.end(late, outcome(60 * MINUTE + 1))
    (found,) = (await checked(world, 70 * MINUTE)).found
    assert (found.pipeline_execution_id, found.end_date) == (late, at(60 * MINUTE + 1))
    assert found.completed_successfully is (outcome is succeeded)


async def test_a_late_run_has_the_facts(world: World) -> None:
    pipeline = await world.pipeline("Orders", timeliness_number=90, timeliness_datepart=Datepart.MINUTE)
    run = await world.start(pipeline, 60)
    (late,) = (await checked(world, 100 * MINUTE)).found
    assert (late.pipeline_execution_id, late.pipeline_id, late.pipeline_name) == (run, pipeline, "Orders")
    assert (late.start_date, late.due_at, late.detected_at) == (at(60), at(91 * MINUTE), at(100 * MINUTE))
    assert (late.threshold_number, late.threshold_datepart) == (90, Datepart.MINUTE)
    assert late.threshold_own
    assert (late.end_date, late.completed_successfully) == (None, None)
    assert await world.all_late_runs() == [late]


async def test_the_threshold_is_the_pipelines_or_else_that_of_its_type(world: World) -> None:
    declaration = PipelineTypeDeclaration(name="load", timeliness_number=1, timeliness_datepart=Datepart.HOUR)
    await world.pipeline_types.declare(declaration, NOON)
    run = await world.start(await world.pipeline("by type"))
    await world.start(await world.pipeline("own", timeliness_number=1, timeliness_datepart=Datepart.DAY))
    await world.start(await world.pipeline("none", pipeline_type_name="other"))
    (late,) = (await checked(world, 61 * MINUTE)).found
    assert (late.pipeline_execution_id, late.threshold_own) == (run, False)


@pytest.mark.parametrize("changes", [{"active": False}, {"mute_timeliness_check": True}])
async def test_who_is_inactive_or_muted_is_skipped(world: World, changes: PipelineChanges) -> None:
    identity = await world.pipeline(**HOURLY)
    await world.start(identity)
    await world.pipelines.change(identity, changes, NOON)
    assert await checked(world, 61 * MINUTE) == NOTHING


async def test_who_is_of_a_muted_type_is_skipped(world: World) -> None:
    await world.start(await world.pipeline(**HOURLY))
    await world.pipeline_types.change("load", {"mute_timeliness_check": True}, NOON)
    assert await checked(world, 61 * MINUTE) == NOTHING


async def test_what_still_runs_is_found_however_long_ago_it_started(world: World) -> None:
    run = await world.start(await world.pipeline(**HOURLY), -400 * 24 * 60 * MINUTE)
    (late,) = (await checked(world, 0, 5)).found
    assert late.pipeline_execution_id == run


async def test_what_ended_is_found_within_the_lookback(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    earlier, later = await world.start(pipeline, -1), await world.start(pipeline)
    await world.end(earlier, succeeded(120 * MINUTE - 1))
    await world.end(later, succeeded(120 * MINUTE))
    (late,) = (await checked(world, 180 * MINUTE)).found
    assert late.pipeline_execution_id == later
    (late,) = (await checked(world, 180 * MINUTE, 61)).found
    assert late.pipeline_execution_id == earlier


async def test_a_sweep_goes_back_to_an_hour_before_the_last_one(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    await swept(world, 120 * MINUTE)
    runs = [await world.start(pipeline, -10) for _ in range(3)]
    for run, seconds in zip(runs, (60 * MINUTE - 1, 60 * MINUTE, 121 * MINUTE), strict=True):
        await world.end(run, succeeded(seconds))
    assert await swept(world, 2_000 * MINUTE) == runs[1:]
    assert await swept(world, 2_001 * MINUTE) == []


async def test_the_first_sweep_goes_back_an_hour(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    earlier, later = await world.start(pipeline, -1), await world.start(pipeline)
    await world.end(earlier, succeeded(120 * MINUTE - 1))
    await world.end(later, succeeded(120 * MINUTE))
    assert await swept(world, 180 * MINUTE) == [later]


async def test_a_sweep_goes_back_a_month_at_most(world: World) -> None:
    pipeline, day = await world.pipeline(**HOURLY), 24 * 60 * MINUTE
    await swept(world, 0)
    earlier, later = await world.start(pipeline), await world.start(pipeline)
    await world.end(earlier, succeeded(9 * day - 1))
    await world.end(later, succeeded(9 * day))
    assert await swept(world, 40 * day) == [later]


async def test_a_clock_that_was_ahead_takes_no_more_from_a_sweep_than_an_hour(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    await swept(world, 10_000 * MINUTE)
    run = await world.start(pipeline)
    await world.end(run, succeeded(61 * MINUTE))
    assert await swept(world, 120 * MINUTE) == [run]
    assert await world.container.late_runs().checked_to() == at(120 * MINUTE)


async def test_a_check_with_a_lookback_is_no_sweep(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    await swept(world, 0)
    run = await world.start(pipeline)
    await world.end(run, succeeded(61 * MINUTE))
    assert await checked(world, 1_000 * MINUTE, 60) == NOTHING
    assert await swept(world, 1_001 * MINUTE) == [run]


async def test_a_sweep_that_failed_is_made_up_by_the_next(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    late_runs = world.container.late_runs()
    failing = CheckTimeliness(Failing(late_runs), world.jobs, world.clock)
    await swept(world, 0)
    run = await world.start(pipeline)
    await world.end(run, succeeded(61 * MINUTE))
    world.clock.instant = at(1_000 * MINUTE)
    with pytest.raises(StoreUnavailable):
        await failing()
    assert await late_runs.checked_to() == NOON
    assert await swept(world, 1_001 * MINUTE) == [run]


async def test_a_late_run_is_recorded_once(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    await world.start(pipeline)
    await world.end(await world.start(pipeline), failed(61 * MINUTE))
    assert len((await checked(world, 62 * MINUTE)).found) == 2
    assert await checked(world, 63 * MINUTE) == NOTHING
    assert len(await world.all_late_runs()) == 2


@pytest.mark.parametrize("changes", [{}, {"active": False}, {"mute_timeliness_check": True}, {"name": "new"}])
async def test_the_end_of_a_late_run_is_learned_once_and_in_any_case(
    world: World, changes: PipelineChanges
) -> None:
    pipeline = await world.pipeline(**HOURLY)
    run = await world.start(pipeline)
    (late,) = (await checked(world, 61 * MINUTE)).found
    await world.end(run, failed(62 * MINUTE))
    await world.pipelines.change(pipeline, changes, NOON)
    after = await checked(world, 10_000 * MINUTE, 5)
    assert after.found == []
    assert [(each.id, each.end_date, each.completed_successfully) for each in after.ended] == [
        (late.id, at(62 * MINUTE), False)
    ]
    assert await checked(world, 10_001 * MINUTE) == NOTHING
    assert await world.all_late_runs() == after.ended


async def test_a_late_run_stays_on_record_though_the_threshold_grows(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    await world.start(pipeline)
    await checked(world, 61 * MINUTE)
    await world.pipelines.change(pipeline, {"timeliness_number": 5}, NOON)
    assert await checked(world, 62 * MINUTE) == NOTHING
    assert len(await world.all_late_runs()) == 1


@pytest.mark.parametrize("datepart", Datepart)
async def test_a_threshold_beyond_the_calendar_is_never_passed(world: World, datepart: Datepart) -> None:
    await world.start(await world.pipeline(timeliness_number=2**31 - 1, timeliness_datepart=datepart))
    assert await checked(world, 10**9) == NOTHING


async def test_a_minute_is_the_shortest_threshold(world: World) -> None:
    pipeline = await world.pipeline(timeliness_number=1, timeliness_datepart=Datepart.MINUTE)
    runs = [await world.start(pipeline) for _ in range(3)]
    await world.end(runs[0], succeeded(60))
    await world.end(runs[1], succeeded(60.000_001))
    assert await checked(world, 60) == TimelinessChecked(
        [each for each in await world.all_late_runs() if each.pipeline_execution_id == runs[1]], []
    )
    assert [each.pipeline_execution_id for each in (await checked(world, 60.000_001)).found] == [runs[2]]


@pytest.mark.parametrize("lookback", [4, 0, -1, 2**31])
async def test_a_lookback_out_of_bounds_is_refused(world: World, lookback: int) -> None:
    with pytest.raises(InvalidValue, match="lookback_minutes must be between 5 and"):
        await world.watcher.check_timeliness(lookback)


async def test_the_longest_lookback_reaches_back_to_the_beginning(world: World) -> None:
    run = await world.start(await world.pipeline(**HOURLY), -timedelta(days=365 * 2_000).total_seconds())
    await world.end(run, succeeded(-timedelta(days=365 * 1_999).total_seconds()))
    assert len((await checked(world, 0, 2**31 - 1)).found) == 1


async def test_of_many_checks_at_once_each_run_is_found_and_ended_by_one(world: World) -> None:
    pipeline = await world.pipeline(**HOURLY)
    runs = [await world.start(pipeline) for _ in range(20)]
    world.clock.instant = at(61 * MINUTE)
    answers = await gather(*(world.watcher.check_timeliness() for _ in range(6)))
    assert sorted(late.pipeline_execution_id for each in answers for late in each.found) == runs
    for run in runs:
        await world.end(run, succeeded(62 * MINUTE))
    answers = await gather(*(world.watcher.check_timeliness() for _ in range(6)))
    assert sorted(late.pipeline_execution_id for each in answers for late in each.ended) == runs
    assert len(await world.all_late_runs()) == 20


async def test_the_log_is_read_in_pages_and_by_filters(world: World) -> None:
    first, second = await world.pipeline("first", **HOURLY), await world.pipeline("second", **HOURLY)
    runs = [await world.start(each) for each in (first, second, first)]
    await world.end(runs[0], succeeded(61 * MINUTE))
    await checked(world, 62 * MINUTE)
    late_runs = world.container.late_runs()

    async def found(page: Page | None = None, **wanted: int | bool) -> list[int]:
        rows = await late_runs.page(LateRunFilter(**wanted), page or Page())  # type: ignore[arg-type]
        return [row.pipeline_execution_id for row in rows.items]

    assert await found() == runs[::-1]
    assert await found(open=True) == [runs[2], runs[1]]
    assert await found(open=False) == [runs[0]]
    assert await found(pipeline_id=first) == [runs[2], runs[0]]
    assert await found(pipeline_id=first, open=False) == [runs[0]]
    newest = await late_runs.page(LateRunFilter(), Page(limit=2))
    assert newest.more
    assert await found(Page(limit=2, after=newest.items[-1].id)) == [runs[0]]
