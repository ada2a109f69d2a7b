"""A worker that is told to stop leaves soon, and what it had not begun is done by another."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from tests.broker import private_broker
from tests.integration.programs import Program, free_port, program, until
from watcher import bus
from watcher.adapters.bus.celery_jobs import CeleryJobs
from watcher.domain.jobs import Job
from watcher.settings import Settings

SECONDS = 30.0
SOON = 10.0
"""Billiard by itself has the process wait for 30 s."""


@contextmanager
def worker(log: Path, dsn: str, url: str) -> Iterator[Program]:
    """A worker of one process, which tells what it does."""
    with program(
        log, "worker", database_url=dsn, broker_url=url, log_level="debug", worker_concurrency="1"
    ) as running:
        yield running


def test_a_job_that_begins_when_its_worker_leaves_holds_nobody_up(
    fresh_database: str, tmp_path: Path
) -> None:
    with private_broker(free_port()) as broker, broker.client() as client:
        jobs = bus.jobs(Settings(broker_url=SecretStr(broker.url)))
        assert isinstance(jobs, CeleryJobs)
        with worker(tmp_path / "first", fresh_database, broker.url) as first:
            jobs.announce(Job.CHECK_FRESHNESS)
            until(lambda: first.log.count(" succeeded in ") == 1, SECONDS, "a first job")
            time.sleep(0.5)  # its process waits for another
            [child] = first.children()
            child.suspend()
            jobs.announce(Job.CHECK_TIMELINESS)
            until(lambda: first.log.count("TaskPool: Apply") == 2, SECONDS, "a job in the process's hands")
            first.process.terminate()
            until(lambda: "Worker: Stopping Pool" in first.log, SECONDS, "the end")
            time.sleep(1)  # what did not begin is given back
            child.resume()
            began = time.monotonic()
            assert first.exit_code() == 0
            assert time.monotonic() - began < SOON
            assert first.log.count(" succeeded in ") == 2  # it began nevertheless
            assert client.llen("celery") == 1
        with worker(tmp_path / "second", fresh_database, broker.url) as second:
            until(lambda: second.log.count(" succeeded in ") == 1, SECONDS, "another worker that does it")
            assert client.llen("celery") == 0
        jobs.close()
