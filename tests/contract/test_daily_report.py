"""What pipelines did day by day: true whenever it is asked for, however much of it is kept ready."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.contract.world import World, failed, started, succeeded
from tests.server import execute, fetch
from watcher.domain.errors import InvalidValue
from watcher.domain.execution import End, Outcome, Record, Start
from watcher.domain.report import DayKey, PipelineDay, ReportFilter

FIRST_OF_MARCH = date(2026, 3, 1)
DAY = 86_400


async def told(world: World, **wanted: object) -> list[PipelineDay]:
    return list((await world.watcher.daily_report.page(ReportFilter(**wanted), 1_000)).items)  # type: ignore[arg-type]


async def days(world: World, **wanted: object) -> list[tuple[str, date, int]]:
    return [(each.pipeline_name, each.day, each.executions) for each in await told(world, **wanted)]


async def test_without_runs_there_is_nothing_to_tell(world: World) -> None:
    await world.pipeline()
    await world.watcher.refresh_daily_report()
    assert await told(world) == []


@pytest.mark.parametrize("refreshed", [False, True])
async def test_a_day_has_the_sums_of_its_runs(world: World, refreshed: bool) -> None:
    pipeline_id = await world.pipeline("orders", pipeline_type_name="load")
    outcomes = [
        succeeded(10, inserts=5, updates=1, total_rows=6),
        succeeded(20, inserts=1, soft_deletes=3, total_rows=24),
        failed(60),
    ]
    for outcome in outcomes:
        await world.end(await world.start(pipeline_id), outcome)
    await world.start(pipeline_id)
    if refreshed:
        await world.watcher.refresh_daily_report()
    assert await told(world) == [
        PipelineDay(
            day=FIRST_OF_MARCH,
            pipeline_id=pipeline_id,
            pipeline_name="orders",
            pipeline_type_name="load",
            executions=4,
            running=1,
            failures=1,
            error_percentage=33.33,
            inserts=6,
            updates=1,
            soft_deletes=3,
            total_rows=30,
            mean_duration_seconds=30.0,
            p95_duration_seconds=56.0,
            throughput=1.0,
        )
    ]


async def test_a_day_on_which_nothing_ended_has_no_percentages(world: World) -> None:
    await world.start(await world.pipeline())
    (day,) = await told(world)
    assert (day.executions, day.running) == (1, 1)
    assert [day.error_percentage, day.mean_duration_seconds, day.p95_duration_seconds, day.throughput] == [
        None
    ] * 4


async def test_sums_end_where_counts_do(world: World) -> None:
    pipeline_id = await world.pipeline()
    for _ in range(3):
        await world.end(await world.start(pipeline_id), succeeded(inserts=2**63 - 1, total_rows=2**63 - 1))
    await world.watcher.refresh_daily_report()
    (day,) = await told(world)
    assert (day.inserts, day.total_rows) == (2**63 - 1, 2**63 - 1)
    assert day.throughput == pytest.approx((2**63 - 1) / 60)


async def test_a_run_belongs_to_the_day_in_utc_on_which_it_started(world: World) -> None:
    pipeline_id = await world.pipeline()
    for seconds in (DAY / 2 - 0.000001, DAY / 2, 1.5 * DAY - 0.000001):
        await world.end(await world.start(pipeline_id, seconds), succeeded(3 * DAY))
    assert await days(world) == [
        ("orders", FIRST_OF_MARCH + timedelta(days=1), 2),
        ("orders", FIRST_OF_MARCH, 1),
    ]


async def test_a_late_end_shows_at_once_and_after_a_refresh(world: World) -> None:
    running = await world.start(await world.pipeline())
    await world.watcher.refresh_daily_report()
    await world.end(running, failed(5 * DAY))
    before = await told(world)
    await world.watcher.refresh_daily_report()
    assert await told(world) == before
    assert (before[0].running, before[0].failures, before[0].mean_duration_seconds) == (0, 1, 5.0 * DAY)


async def test_a_backfill_of_an_old_day_shows_at_once_and_after_a_refresh(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.end(await world.start(pipeline_id), succeeded())
    await world.watcher.refresh_daily_report()
    await world.executions.record([Record(started(pipeline_id, 5), failed(10))])
    before = await told(world)
    await world.watcher.refresh_daily_report()
    assert await told(world) == before
    assert (before[0].executions, before[0].error_percentage) == (2, 50.0)


async def test_it_is_told_of_the_pipelines_and_days_that_are_wanted(world: World) -> None:
    orders = await world.pipeline("orders", pipeline_type_name="load")
    visits = await world.pipeline("Visits", pipeline_type_name="Größe")
    for pipeline_id in (orders, visits):
        for day in range(4):
            await world.end(await world.start(pipeline_id, day * DAY), succeeded(day * DAY + 1))
    await world.watcher.refresh_daily_report()
    await world.start(visits, 4 * DAY)
    four, fifth = [FIRST_OF_MARCH + timedelta(days=day) for day in (3, 2, 1, 0)], date(2026, 3, 5)
    assert await days(world, pipeline_id=orders) == [("orders", day, 1) for day in four]
    assert await days(world, pipeline_name=" VISITS") == [("Visits", day, 1) for day in [fifth, *four]]
    assert await days(world, pipeline_type="GRÖSSE", day_from=four[0]) == [
        ("Visits", fifth, 1),
        ("Visits", four[0], 1),
    ]
    assert await days(world, day_from=four[2], day_to=four[2]) == [
        ("orders", four[2], 1),
        ("Visits", four[2], 1),
    ]
    assert await days(world, pipeline_name="nobody") == []
    assert await days(world, pipeline_id=orders, pipeline_name="visits") == []


async def test_it_is_told_of_the_pipelines_with_a_part_of_a_name(world: World) -> None:
    names = ("orders daily", "Orders Größe", "100%_done", "visits")
    for name in names:
        pipeline_id = await world.pipeline(name)
        await world.end(await world.start(pipeline_id), succeeded())
    await world.watcher.refresh_daily_report()
    await world.start(pipeline_id, DAY)

    async def found(part: str, **wanted: object) -> list[str]:
        return [name for name, _, _ in await days(world, name_contains=part, **wanted)]

    assert await found("ORDERS") == ["orders daily", "Orders Größe"]
    assert await found("s g") == await found("GRÖSSE") == ["Orders Größe"]
    assert await found("%_") == await found("0%_D") == ["100%_done"]
    assert await found("_") == ["100%_done"]
    assert await found("visit") == ["visits", "visits"]
    assert await found(" orders") == await found("nothing") == []
    assert await found("orders", pipeline_name="visits") == []
    assert await found("orders", pipeline_name="ORDERS DAILY") == ["orders daily"]
    for part in ("", "a\x00", "x" * 1_001):
        with pytest.raises(InvalidValue):
            await found(part)


async def test_pages_follow_one_another_without_gap_or_repeat(world: World) -> None:
    pipelines = [await world.pipeline(name) for name in ("a", "b", "c")]
    for pipeline_id in pipelines:
        for day in range(3):
            await world.end(await world.start(pipeline_id, day * DAY), succeeded(day * DAY + 1))
    await world.watcher.refresh_daily_report()
    await world.start(pipelines[1], DAY)
    await world.start(pipelines[0], 5 * DAY)
    whole = await told(world)
    assert len(whole) == 10
    read: list[PipelineDay] = []
    more = True
    while more:
        page = await world.watcher.daily_report.page(ReportFilter(), 3, read[-1].key if read else None)
        read += page.items
        more = page.more
    assert read == whole
    assert [(each.day, each.pipeline_id) for each in whole] == sorted(
        ((each.day, each.pipeline_id) for each in whole), key=lambda key: (-key[0].toordinal(), key[1])
    )


async def test_the_first_and_the_last_day_of_the_calendar_are_days(world: World) -> None:
    pipeline_id = await world.pipeline()
    ends = (datetime(1, 1, 1, 12, tzinfo=UTC), datetime(9999, 12, 31, 12, tzinfo=UTC))
    for start_date in ends:
        await world.executions.start([Start(pipeline_id=pipeline_id, start_date=start_date)])
    for _ in range(2):
        assert await days(world) == [("orders", date.max, 1), ("orders", date.min, 1)]
        assert await days(world, day_from=date.max) == [("orders", date.max, 1)]
        page = await world.watcher.daily_report.page(ReportFilter(), 1, DayKey(date.max, pipeline_id))
        assert [each.day for each in page.items] == [date.min]
        last = await world.watcher.daily_report.page(ReportFilter(), 1, DayKey(date.min, pipeline_id))
        assert (list(last.items), last.more) == ([], False)
        await world.watcher.refresh_daily_report()


def test_a_cursor_reads_as_it_is_written() -> None:
    key = DayKey(FIRST_OF_MARCH, 17)
    assert DayKey.read(str(key)) == key == DayKey.read("2026-03-01_17")
    for wrong in ("", "2026-03-01", "2026-02-30_1", f"2026-03-01_{2**63}", "x_1"):
        with pytest.raises(InvalidValue):
            DayKey.read(wrong)


@pytest.mark.parametrize("store", ["postgres"])
async def test_what_is_kept_is_read_and_what_is_not_true_any_more_is_not(world: World) -> None:
    """A kept day that nothing says otherwise about is believed; one that changed is computed."""
    pipeline_id = await world.pipeline()
    await world.end(await world.start(pipeline_id), succeeded(inserts=1))
    await world.watcher.refresh_daily_report()
    await execute(world.dsn, "UPDATE pipeline_day SET inserts = 1000")
    assert [day.inserts for day in await told(world)] == [1000]
    await world.end(await world.start(pipeline_id), succeeded(inserts=1))
    assert [day.inserts for day in await told(world)] == [2]
    await world.watcher.refresh_daily_report()
    assert await fetch(world.dsn, "SELECT inserts, executions FROM pipeline_day") == [(2, 2)]


@pytest.mark.parametrize("store", ["postgres"])
async def test_a_refresh_with_nothing_new_writes_nothing(world: World) -> None:
    await world.start(await world.pipeline())
    await world.watcher.refresh_daily_report()
    rows = "SELECT xmin::TEXT FROM pipeline_day UNION ALL SELECT xmin::TEXT FROM report_upkeep"
    before = await fetch(world.dsn, rows)
    await world.watcher.refresh_daily_report()
    assert await fetch(world.dsn, rows) == before


async def test_an_end_is_told_wherever_it_comes_from(world: World) -> None:
    pipeline_id = await world.pipeline()
    await world.start(pipeline_id, external_id="x")
    await world.watcher.refresh_daily_report()
    outcome = Outcome(end_date=succeeded().end_date, completed_successfully=True)
    await world.executions.record([Record(started(pipeline_id, external_id="x"), outcome)])
    assert [(day.executions, day.running) for day in await told(world)] == [(1, 0)]


async def test_a_repeated_end_changes_nothing(world: World) -> None:
    run = await world.start(await world.pipeline())
    await world.executions.end([End(run, succeeded(inserts=1))] * 3)
    await world.watcher.refresh_daily_report()
    assert [(day.executions, day.inserts) for day in await told(world)] == [(1, 1)]
