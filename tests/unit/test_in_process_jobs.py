"""Jobs inside the process: each announcement done after it was made, with its parameters."""

from watcher.adapters.in_process_jobs import InProcessJobs
from watcher.domain.errors import StoreBusy
from watcher.domain.jobs import Job


class Work:
    """Remembers how it was called; refuses as often as it was told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.calls: list[dict[str, int]] = []
        self.refusals = refusals

    async def __call__(self, **parameters: int) -> None:
        self.calls.append(parameters)
        if self.refusals:
            self.refusals -= 1
            raise StoreBusy("somebody else is at it")


async def done(work: Work, *announced: dict[str, int]) -> list[dict[str, int]]:
    jobs = InProcessJobs({Job.CHECK_TIMELINESS: work})
    for parameters in announced:
        jobs.announce(Job.CHECK_TIMELINESS, **parameters)
    await jobs.idle()
    await jobs.close()
    return work.calls


async def test_parameters_reach_the_job() -> None:
    assert await done(Work(), {"lookback_minutes": 5}, {}) == [{"lookback_minutes": 5}, {}]


async def test_equal_announcements_that_wait_together_are_one() -> None:
    calls = await done(Work(), {"lookback_minutes": 5}, {"lookback_minutes": 6}, {"lookback_minutes": 5})
    assert calls == [{"lookback_minutes": 5}, {"lookback_minutes": 6}]


async def test_a_job_is_tried_again_with_its_parameters() -> None:
    assert await done(Work(refusals=1), {"lookback_minutes": 5}) == [{"lookback_minutes": 5}] * 2
