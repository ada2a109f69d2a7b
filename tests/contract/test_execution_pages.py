"""Executions are listed newest first, in pages, by what is asked for."""

from collections.abc import Iterator
from itertools import product

import pytest

from tests.contract.world import NOBODY, World, at, failed, started, succeeded
from watcher.domain.execution import End, Execution
from watcher.domain.executions import ExecutionFilter, Started, Status
from watcher.domain.page import CursorUnknown, Page


async def listed(world: World, wanted: ExecutionFilter) -> list[int]:
    return [row.id for row in (await world.executions.page(wanted, Page())).items]


async def read_by(world: World, limit: int, wanted: ExecutionFilter) -> list[list[Execution]]:
    """All pages, each of at most `limit` rows."""
    pages = []
    after = None
    while True:
        page = await world.executions.page(wanted, Page(limit=limit, after=after))
        pages.append(list(page.items))
        if not page.more:
            return pages
        after = page.last(lambda row: row.id)


@pytest.fixture
async def runs(world: World) -> list[Execution]:
    """Runs of every kind, newest first: of two pipelines, with and without parent, in three states."""
    orders, refunds = await world.pipeline("orders"), await world.pipeline("refunds")
    parent = await world.start(orders, -1)
    starts = [
        started(pipeline_id, seconds, parent_id=parent_id)
        for pipeline_id, seconds, parent_id in product((orders, refunds), (0, 1, 1, 2), (None, parent))
    ]
    identities = [v.id for v in await world.executions.start(starts) if isinstance(v, Started)]
    outcomes = [None, succeeded(), failed()]
    for turn, identity in enumerate(identities):
        if (outcome := outcomes[turn % 3]) is not None:
            await world.executions.end([End(identity, outcome)])
    rows = [await world.execution(identity) for identity in [parent, *identities]]
    return sorted(rows, key=lambda row: (row.start_date, row.id), reverse=True)


async def test_the_newest_come_first_and_of_simultaneous_ones_the_last_on_record(
    world: World, runs: list[Execution]
) -> None:
    page = await world.executions.page(ExecutionFilter(), Page())
    assert (list(page.items), page.more) == (runs, False)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 16, 17, 18])
async def test_pages_of_any_length_make_the_whole_list(
    world: World, runs: list[Execution], limit: int
) -> None:
    pages = await read_by(world, limit, ExecutionFilter())
    assert [row for page in pages for row in page] == runs
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert pages[-1]


def filters(runs: list[Execution]) -> Iterator[ExecutionFilter]:
    """Every combination of conditions."""
    parent = min(runs, key=lambda row: row.id)
    for pipeline_id, status, after, before, parent_id in product(
        (None, parent.pipeline_id, runs[0].pipeline_id, NOBODY),
        (None, *Status),
        (None, at(0), at(1)),
        (None, at(1), at(1.000001)),
        (None, parent.id, NOBODY),
    ):
        yield ExecutionFilter(
            pipeline_id=pipeline_id,
            status=status,
            started_after=after,
            started_before=before,
            parent_id=parent_id,
        )


async def test_a_list_has_all_that_meet_every_condition(world: World, runs: list[Execution]) -> None:
    for wanted in filters(runs):
        assert await listed(world, wanted) == [row.id for row in runs if wanted.admits(row)], wanted


async def test_a_filtered_list_is_read_in_pages_too(world: World, runs: list[Execution]) -> None:
    for wanted in list(filters(runs))[::7]:
        pages = await read_by(world, 2, wanted)
        assert [row for page in pages for row in page] == [row for row in runs if wanted.admits(row)], wanted


async def test_the_first_bound_is_inclusive_and_the_second_is_not(world: World) -> None:
    run = await world.start(await world.pipeline(), 5)
    bounds = [(at(5), None), (at(5.000001), None), (None, at(5)), (None, at(5.000001))]
    found = [
        await listed(world, ExecutionFilter(started_after=after, started_before=before))
        for after, before in bounds
    ]
    assert found == [[run], [], [], [run]]


async def test_a_page_may_continue_after_a_run_that_is_not_wanted(
    world: World, runs: list[Execution]
) -> None:
    wanted = ExecutionFilter(status=Status.FAILED)
    middle = next(row for row in runs[5:] if not wanted.admits(row))
    page = await world.executions.page(wanted, Page(after=middle.id))
    assert list(page.items) == [row for row in runs[runs.index(middle) :] if wanted.admits(row)]


async def test_a_page_goes_on_where_it_was_though_newer_runs_began(
    world: World, runs: list[Execution]
) -> None:
    first = await world.executions.page(ExecutionFilter(), Page(limit=4))
    await world.start(runs[0].pipeline_id, 100)
    await world.end(runs[0].id, succeeded())
    rest = await world.executions.page(ExecutionFilter(), Page(after=first.last(lambda row: row.id)))
    assert [row.id for row in rest.items] == [row.id for row in runs[4:]]


async def test_a_page_cannot_begin_after_an_unknown_run(world: World) -> None:
    with pytest.raises(CursorUnknown) as refusal:
        await world.executions.page(ExecutionFilter(), Page(after=NOBODY))
    assert refusal.value == CursorUnknown(NOBODY)


async def test_an_empty_record_is_an_empty_page(world: World) -> None:
    page = await world.executions.page(ExecutionFilter(), Page())
    assert (list(page.items), page.more) == ([], False)
