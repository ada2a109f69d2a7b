"""What a worker does in a second: runs judged, and messages that ask for nothing.

`python -m benchmarks.checks_worker` is that worker: `watcher worker` with the same settings, but for two things. No
rate limit holds messages back, or 600 a minute would be all there is to measure. And one of its jobs does nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import redis
from dependency_injector import providers

from benchmarks.broker import broker, client
from benchmarks.checks_judging import RULES, SETTLED, wait_again, watched
from benchmarks.checks_plan import ChecksPlan
from benchmarks.database import Database, sql
from benchmarks.measure import RunVoid
from benchmarks.servers import ended, environment
from watcher.adapters.bus.application import application, task_name
from watcher.container import Container
from watcher.domain.jobs import JOBS, Job, Whole
from watcher.domain.queues import Queue
from watcher.entrypoints.worker.program import work
from watcher.settings import Settings

IDLE = Job.PRUNE_LINEAGE
"""The job whose work is nothing, in the worker that is measured."""

PROCESSES = 2
HISTORY, EVERY_MINUTES = 1_000, 60
WAIT_SECONDS = 120
POLL_SECONDS = 0.02
UNLIMITED = {job: replace(terms, per_minute=60_000_000) for job, terms in JOBS.items()}
UNACKED = "unacked"


@dataclass(frozen=True, slots=True)
class Done:
    """So many messages or runs, in so many seconds."""

    count: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


@dataclass(frozen=True, slots=True)
class WorkerTaken:
    """What one worker did: messages that find nothing to do, and runs judged by one rule and by all."""

    idle: Done
    nothing_to_judge: Done
    judged: Done
    judged_by_all: Done


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker, its queue and its database."""

    process: psutil.Process
    log: Path
    url: str
    queue: redis.Redis
    database: Database

    def messages(self, job: Job, count: int) -> Done:
        """Does so many messages, which are all there when it begins."""
        with self.held():
            self.send(job, count)
        return Done(count, self._until(self._empty))

    def judges(self, runs: int) -> Done:
        """Judges all that waits. Each of its processes is told once, as two announcements a moment apart would."""
        with self.held():
            self.send(Job.DETECT_ANOMALIES, PROCESSES)
        done = Done(runs, self._until(lambda: not self.database.number(LEFT)))
        self._until(self._empty)
        if self.database.number(JUDGED) != runs:
            raise RunVoid(f"Of {runs} runs that waited {self.database.number(JUDGED)} were judged.")
        return done

    def send(self, job: Job, count: int) -> None:
        app = application(self.url, JOBS, {})
        with app.connection_for_write() as connection:
            for _ in range(count):
                app.send_task(task_name(job), queue=Queue.TRIGGERED.value, connection=connection)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Takes nothing meanwhile."""
        family = [self.process, *self.process.children(recursive=True)]
        for each in family:
            each.suspend()
        try:
            yield
        finally:
            for each in family:
                each.resume()

    def _empty(self) -> bool:
        pending = self.queue.llen(Queue.TRIGGERED.value)
        return not pending and not self.queue.hlen(UNACKED)

    def _until(self, condition: Callable[[], bool]) -> float:
        """The seconds until the condition holds."""
        began = time.monotonic()
        while not condition():
            if not self.process.is_running() or time.monotonic() > began + WAIT_SECONDS:
                raise RunVoid(
                    f"The worker did not do it; it said:\n{self.log.read_text(errors='replace')[-2_000:]}"
                )
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began


LEFT = "SELECT count(*) FROM (SELECT FROM anomaly_pending LIMIT 1) AS p"
JUDGED = "SELECT count(DISTINCT pipeline_execution_id) FROM anomaly_detection_result"


def by_worker(admin: Database, plan: ChecksPlan, progress: Callable[[str], None]) -> WorkerTaken:
    progress("a worker: filling")
    database = watched(admin, "worker", plan.watched)
    database.rows(sql("judging"), HISTORY, EVERY_MINUTES, None)
    database.execute(SETTLED)
    with broker() as url, worker(database, url) as running:
        running.messages(IDLE, PROCESSES * 10)
        progress("a worker: messages")
        idle = running.messages(IDLE, plan.messages)
        nothing = running.messages(Job.DETECT_ANOMALIES, plan.messages)
        taken = []
        for rules, waiting in ((1, plan.waiting), (len(RULES), max(1, plan.waiting // len(RULES)))):
            progress(f"a worker: judging by {rules}")
            wait_again(database, waiting, rules)
            taken.append(running.judges(plan.watched * waiting))
    return WorkerTaken(idle, nothing, *taken)


@contextmanager
def worker(database: Database, url: str) -> Iterator[Worker]:
    given = environment(database, broker_url=url, worker_concurrency=PROCESSES)
    with tempfile.TemporaryDirectory(prefix="watcher-benchmark-worker-") as directory:
        log = Path(directory) / "worker.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.checks_worker"],
                env=given | {"PYTHONPATH": str(Path(__file__).parent.parent)},
                cwd=directory,
                stdout=output,
                stderr=output,
            )
        try:
            yield Worker(psutil.Process(process.pid), log, url, client(url), database)
        finally:
            ended(process)


def container(settings: Settings) -> Container:
    graph = Container(settings=settings)

    async def nothing() -> None:
        pass

    graph.work.override(providers.Object({**graph.work(), IDLE: Whole(nothing)}))
    return graph


if __name__ == "__main__":
    sys.exit(work(Settings(), terms=UNLIMITED, container=container))
