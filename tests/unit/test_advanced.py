"""What successes do to their pipeline, whatever they are and in whatever order they come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given

from watcher.domain.execution import Execution, Outcome, Start, advanced
from watcher.domain.pipeline import Pipeline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Reached = tuple[Pipeline, datetime | None]

instants = st.integers(0, 4).map(lambda seconds: NOON + timedelta(seconds=seconds))
watermarks = st.sampled_from([None, "a", "b", "c"])
counts = st.sampled_from([None, 0, 1])
pipelines = st.builds(
    Pipeline,
    id=st.just(1),
    name=st.just("orders"),
    pipeline_type_id=st.just(1),
    watermark=watermarks,
    next_watermark=watermarks,
    last_target_insert=st.none() | instants,
    created_at=st.just(NOON),
)


@st.composite
def successes(draw: st.DrawFn) -> Execution:
    start = Start(pipeline_id=1, start_date=draw(instants), next_watermark=draw(watermarks))
    outcome = Outcome(
        end_date=start.start_date + timedelta(seconds=draw(st.integers(0, 3))),
        completed_successfully=True,
        inserts=draw(counts),
        updates=draw(counts),
        soft_deletes=draw(counts),
    )
    return Execution.begun(draw(st.integers(1, 99)), start).ended(outcome)


def after(pipeline: Pipeline, runs: list[Execution]) -> Reached:
    marker = None
    for run in runs:
        pipeline, marker = advanced(pipeline, marker, run)
    return pipeline, marker


@given(pipelines, st.lists(successes(), max_size=6))
def test_neither_the_targets_times_nor_the_marker_move_back(
    pipeline: Pipeline, runs: list[Execution]
) -> None:
    reached: Reached = (pipeline, None)
    for run in runs:
        before, marker = reached
        reached = advanced(*reached, run)
        held, moved = reached
        for field in ("last_target_insert", "last_target_update", "last_target_soft_delete"):
            if (last := getattr(before, field)) is not None:
                assert getattr(held, field) >= last
        assert marker is None or (moved is not None and moved >= marker)


distinct = st.lists(successes(), max_size=5, unique_by=lambda run: run.start_date)


@given(pipelines, distinct.flatmap(lambda runs: st.tuples(st.just(runs), st.permutations(runs))))
def test_of_runs_with_different_starts_the_order_of_ends_does_not_matter(
    pipeline: Pipeline, orders: tuple[list[Execution], list[Execution]]
) -> None:
    assert after(pipeline, orders[0]) == after(pipeline, orders[1])


@given(pipelines, st.lists(successes(), max_size=6))
def test_the_watermark_is_that_of_the_last_end_among_the_latest_starts(
    pipeline: Pipeline, runs: list[Execution]
) -> None:
    carrying = [run for run in runs if (run.next_watermark or pipeline.next_watermark) is not None]
    held, marker = after(pipeline, runs)
    if not carrying:
        assert (held.watermark, marker) == (pipeline.watermark, None)
        return
    latest = max(run.start_date for run in carrying)
    last = [run for run in carrying if run.start_date == latest][-1]
    assert (held.watermark, marker) == (last.next_watermark or pipeline.next_watermark, latest)


@given(pipelines, successes())
def test_the_same_success_twice_does_no_more_than_once(pipeline: Pipeline, run: Execution) -> None:
    assert after(pipeline, [run, run]) == after(pipeline, [run])


@given(pipelines, successes())
def test_nothing_else_of_the_pipeline_changes(pipeline: Pipeline, run: Execution) -> None:
    held, _ = advanced(pipeline, None, run)
    own = ("watermark", "last_target_insert", "last_target_update", "last_target_soft_delete")
    assert not held.load_lineage
    kept = {field: getattr(pipeline, field) for field in own}
    assert replace(held, load_lineage=pipeline.load_lineage, **kept) == pipeline
