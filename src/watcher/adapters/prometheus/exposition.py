"""All numbers of a server as Prometheus reads them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from watcher.adapters.prometheus.directory import VARIABLE
from watcher.adapters.prometheus.measures import PrometheusMeasures
from watcher.beside import beside
from watcher.domain.clock import Clock
from watcher.domain.diagnosis_database import DatabaseExams, WorkFacts
from watcher.domain.durations import Durations, Measured
from watcher.domain.health import Signs, Vitals
from watcher.domain.jobs import Job
from watcher.domain.measures import Pools
from watcher.domain.queues import Backlog, BrokerUnavailable, Queues

SAMPLE_SECONDS = 5.0
QUEUES = "watcher_queue_depth", "Messages that wait, by queue."
WORKERS = "watcher_workers", "Workers that are alive."
RUNS = "watcher_job_runs_last_hour", "Runs of jobs in the last hour, however they ended."
TIME = "watcher_job_seconds_last_hour", "What those runs took in all."


class PrometheusExposition:
    """`Exposition` of what is measured, and of what the ports tell.

    What each process knows of itself (connections, and its background work without a broker) is sampled every few
    seconds, and summed over those that live. What is known of the whole is asked for when it is written.
    """

    def __init__(
        self,
        measures: PrometheusMeasures,
        *,
        pools: Pools,
        queues: Queues,
        durations: Durations,
        vitals: Vitals,
        exams: DatabaseExams,
        clock: Clock,
        bus: str,
    ) -> None:
        self._measures, self._pools = measures, pools
        self._queues, self._durations = queues, durations
        self._vitals, self._exams, self._clock = vitals, exams, clock
        self._alone = bus == "in_process"
        self._pool = self._gauge("watcher_pool_connections", "Connections to the database.", "state")
        if self._alone:
            self._depth, self._runs = self._gauge(*QUEUES, "queue"), self._gauge(*RUNS, "job")
            self._time = self._gauge(*TIME, "job")

    @asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """For the length of the block this process says how it is."""
        async with beside(self._sample_on()):
            yield

    async def written(self) -> bytes:
        now = self._clock.now()
        signs, work, backlog, durations = await asyncio.gather(
            self._vitals.read(now), self._exams.work(), self._backlog(now), self._jobs(now)
        )
        await self.sample()
        whole = CollectorRegistry()
        whole.register(_Whole(signs, work, backlog, durations))
        return await asyncio.to_thread(lambda: self._of_all_processes() + generate_latest(whole))

    async def sample(self) -> None:
        """What this process is doing at this moment."""
        use = self._pools.use()
        for state in ("busy", "idle", "waiting"):
            self._pool.labels(state).set(getattr(use, state))
        if self._alone:
            now = self._clock.now()
            for queue, length in (await self._queues.backlog(now)).queues.items():
                self._depth.labels(queue).set(length)
            for job, measured in (await self._durations.measured(now)).items():
                self._runs.labels(job.value).set(measured.count)
                self._time.labels(job.value).set(measured.count * measured.mean_seconds)

    async def _sample_on(self) -> None:
        while True:
            await self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _backlog(self, now: datetime) -> Backlog | None:
        if self._alone:
            return None
        try:
            return await self._queues.backlog(now)
        except BrokerUnavailable:
            return None

    async def _jobs(self, now: datetime) -> Mapping[Job, Measured]:
        if self._alone:
            return {}
        try:
            return await self._durations.measured(now)
        except BrokerUnavailable:
            return {}

    def _of_all_processes(self) -> bytes:
        if VARIABLE not in os.environ:
            return generate_latest(self._measures.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _gauge(self, name: str, text: str, label: str) -> Gauge:
        return Gauge(name, text, [label], registry=self._measures.registry, multiprocess_mode="livesum")


class _Whole(Collector):
    """What is known of the whole of Watcher; what cannot be told is left out."""

    def __init__(
        self,
        signs: Signs,
        work: WorkFacts | None,
        backlog: Backlog | None,
        durations: Mapping[Job, Measured],
    ) -> None:
        self._signs, self._work, self._backlog, self._durations = signs, work, backlog, durations

    def collect(self) -> Iterable[GaugeMetricFamily]:
        signs = self._signs
        yield _gauge("watcher_database_up", "Whether the database answers.", float(signs.away is None))
        if signs.ticked_at is not None:
            text = "The last tick of the schedule that was taken."
            yield _gauge("watcher_last_tick_timestamp_seconds", text, signs.ticked_at.timestamp())
        if signs.swept_at is not None:
            text = "The last sweep for late runs that was completed."
            yield _gauge("watcher_last_sweep_timestamp_seconds", text, signs.swept_at.timestamp())
        if self._work is not None:
            text = "Runs that wait to be judged, up to 100,000."
            yield _gauge("watcher_pending_judgements", text, self._work.judgements)
            text = "Messages that could not be sent yet, up to 100,000."
            yield _gauge("watcher_failing_deliveries", text, self._work.failing_deliveries)
        if self._backlog is not None:
            yield _by(*QUEUES, "queue", self._backlog.queues)
            yield _gauge(*WORKERS, self._backlog.workers)
        if self._durations:
            yield from self._jobs()

    def _jobs(self) -> Iterator[GaugeMetricFamily]:
        jobs = {job.value: measured for job, measured in self._durations.items()}
        yield _by(*RUNS, "job", {job: each.count for job, each in jobs.items()})
        yield _by(*TIME, "job", {job: each.count * each.mean_seconds for job, each in jobs.items()})
        text = "The 95th percentile of what those runs took."
        yield _by(
            "watcher_job_p95_seconds", text, "job", {job: each.p95_seconds for job, each in jobs.items()}
        )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
