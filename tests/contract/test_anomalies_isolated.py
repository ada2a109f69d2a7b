"""A run at the edge of what can be told keeps no other run from being judged."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.contract.test_anomalies import judge, watched
from tests.contract.world import World, started
from watcher.domain.anomaly import Standing
from watcher.domain.execution import Outcome
from watcher.domain.executions import Ended, Started

EDGES = [
    datetime(1, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 51, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


@pytest.mark.parametrize("edge", EDGES, ids=str)
async def test_a_run_at_the_end_of_time_stops_no_judge(world: World, edge: datetime) -> None:
    odd, other = await watched(world), await world.pipeline("other")
    (begun,) = await world.executions.start([replace(started(odd), start_date=edge)])
    assert isinstance(begun, Started)
    outcome = Outcome(end_date=edge, completed_successfully=True, total_rows=5)
    assert isinstance(await world.end(begun.id, outcome), Ended)
    await world.rule(other, minimum_executions=5)
    run = await world.ran(other, 0, total_rows=1)
    await judge(world)
    found = {row.pipeline_execution_id: row.standing for row in await world.verdicts()}
    assert found[run] is Standing.LEARNING
    assert begun.id in found
