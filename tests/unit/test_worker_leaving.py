"""How long the processes of a worker that stops wait to be heard: as long as that takes, and never longer than before."""

import billiard.pool
import pytest

from watcher.entrypoints.worker.program import leave_soon

BY_ITSELF_SECONDS = 30.0


@pytest.mark.parametrize(
    ("processes", "seconds"), [(1, 1.5), (8, 5.0), (57, 29.5), (58, 30.0), (256, BY_ITSELF_SECONDS)]
)
def test_a_process_waits_for_a_look_at_each_and_for_30_seconds_at_most(
    processes: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT
    interval = billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    assert limit * interval == BY_ITSELF_SECONDS
    monkeypatch.setattr(billiard.pool, "GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT", limit)  # to be restored
    leave_soon(processes)
    assert billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT * interval == pytest.approx(seconds)
