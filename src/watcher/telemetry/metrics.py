"""What is measured all the time, whether or not a trace is recorded."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from opentelemetry.metrics import CallbackOptions, Histogram, Observation, get_meter

from watcher.domain.clock import Clock
from watcher.domain.durations import Durations, Measured
from watcher.domain.errors import Unavailable
from watcher.domain.jobs import Job
from watcher.domain.queues import Backlog, Queues

METER = "watcher"
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
ASKING_SECONDS = 3.0

PoolUse: TypeAlias = tuple[int, int, int]
"""Connections in use, open, and how many there may be at most; 0 while that is not known."""


def request_durations() -> Histogram:
    return get_meter(METER).create_histogram(
        "http.server.request.duration",
        unit="s",
        description="From a request's head to the end of its answer.",
        explicit_bucket_boundaries_advisory=BOUNDS,
    )


class MeteredDurations:
    """`Durations` that are a metric, too."""

    def __init__(self, durations: Durations) -> None:
        self._durations = durations
        self._histogram = get_meter(METER).create_histogram(
            "watcher.job.duration",
            unit="s",
            description="How long a background job took, however it ended.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )

    async def record(self, job: Job, seconds: float, now: datetime) -> None:
        self._histogram.record(seconds, {"watcher.job": job.value})
        await self._durations.record(job, seconds, now)

    async def measured(self, now: datetime) -> Mapping[Job, Measured]:
        return await self._durations.measured(now)

    async def close(self) -> None:
        close: Callable[[], Any] | None = getattr(self._durations, "close", None)
        if close is not None:
            await close()


def meter_pool(use: Callable[[], PoolUse]) -> None:
    """The connections of this process to the database."""

    def counted(_: CallbackOptions) -> Iterable[Observation]:
        in_use, opened, _most = use()
        yield Observation(in_use, {"db.client.connection.state": "used"})
        yield Observation(max(opened - in_use, 0), {"db.client.connection.state": "idle"})

    def bounded(_: CallbackOptions) -> Iterable[Observation]:
        if most := use()[2]:
            yield Observation(most)

    meter = get_meter(METER)
    meter.create_observable_gauge(
        "db.client.connection.count", [counted], description="Connections to the database."
    )
    meter.create_observable_gauge(
        "db.client.connection.max", [bounded], description="Connections that the pool may open."
    )


@dataclass(slots=True)
class QueueMeter:
    """How much waits in the queues, asked on the event loop of the process whenever metrics are sent.

    What several processes tell adds up: each is to tell of queues that no other tells of.
    """

    queues: Queues
    clock: Clock
    _loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """To be called on the loop, once."""
        self._loop = asyncio.get_running_loop()
        get_meter(METER).create_observable_gauge(
            "watcher.queue.messages",
            [self._waiting],
            description="Messages that wait, by queue.",
        )

    def end(self) -> None:
        """The loop is about to close."""
        self._loop = None

    def _waiting(self, _: CallbackOptions) -> Iterable[Observation]:
        loop = self._loop
        if loop is None:
            return []
        asked: Future[Backlog] = asyncio.run_coroutine_threadsafe(self._asked(), loop)
        try:
            backlog = asked.result(ASKING_SECONDS)
        except (Unavailable, TimeoutError):
            asked.cancel()
            return []  # a gap says it
        return [Observation(count, {"watcher.queue": name}) for name, count in backlog.queues.items()]

    async def _asked(self) -> Backlog:
        return await self.queues.backlog(self.clock.now())
