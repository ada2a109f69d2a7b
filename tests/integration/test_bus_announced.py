"""What is announced to a real broker: what it costs, and that it is counted."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from tests.broker import PASSWORD, Broker, private_broker
from tests.integration.programs import free_port, until
from watcher import bus
from watcher.adapters.bus.application import application
from watcher.adapters.bus.celery_jobs import MOST_WAITING, CeleryJobs
from watcher.adapters.bus.declared_queues import DeclaredQueues
from watcher.domain.jobs import JOBS, Job
from watcher.domain.queues import Backlog, BrokerUnavailable
from watcher.settings import Settings

SECONDS = 60.0


@pytest.fixture
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


def test_announcing_costs_microseconds_whether_the_broker_is_there_or_not(
    broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = bus.jobs(Settings(broker_url=SecretStr(broker.url)))
    assert isinstance(jobs, CeleryJobs)
    there = microseconds(jobs, 20_000)
    broker.kill()
    gone = microseconds(jobs, 20_000)
    broker.start()
    jobs.close()
    with capsys.disabled():
        print(f"\nAnnouncing takes {there:.1f} us, {gone:.1f} us without the broker.")  # noqa: T201
    assert max(there, gone) < 200


def test_of_any_broker_the_lengths_of_the_queues_are_known(broker: Broker) -> None:
    settings = Settings(broker_url=SecretStr(broker.url))
    queues = DeclaredQueues(application(broker.url, JOBS, settings.schedule, impatient=True))

    def backlog() -> Backlog:
        return asyncio.run(queues.backlog(datetime.now(UTC)))

    jobs = bus.jobs(settings)
    assert isinstance(jobs, CeleryJobs)
    for minutes in range(5, 8):
        jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=minutes)
    until(lambda: backlog().pending == 3, SECONDS, "the messages")
    assert backlog().queues == {"celery": 3, "scheduled": 0}
    assert asyncio.run(queues.obstacles()) == []
    broker.kill()
    with pytest.raises(BrokerUnavailable):
        backlog()
    (obstacle,) = asyncio.run(queues.obstacles())
    assert PASSWORD not in obstacle
    jobs.close()


def microseconds(jobs: CeleryJobs, times: int) -> float:
    began = time.perf_counter()
    for number in range(times):
        jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=number % (2 * MOST_WAITING))
    return (time.perf_counter() - began) / times * 1e6
