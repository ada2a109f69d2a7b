"""Background work to watch."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.diary import MAINTAIN, PRUNE, Diary, Moments, in_process
from watcher.adapters import in_process_jobs
from watcher.adapters.in_process_jobs import InProcessJobs


@pytest.fixture
def work() -> Diary:
    return Diary()


@pytest.fixture
async def jobs(work: Diary, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[InProcessJobs]:
    monkeypatch.setattr(in_process_jobs, "FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr(in_process_jobs, "DELAY_SECONDS", 0.0)
    jobs = in_process({MAINTAIN: work.maintain, PRUNE: work.prune}, Moments())
    yield jobs
    await jobs.close()
