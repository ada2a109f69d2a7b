"""Worker and beat under observation. Imports Logfire, before Celery forks: its processes share the memory."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from watcher import bus
from watcher.container import Container
from watcher.settings import Settings
from watcher.telemetry.messages import trace_sending, trace_working
from watcher.telemetry.metrics import QueueMeter
from watcher.telemetry.program import Telemetry

START_SECONDS = 30.0
STOP_SECONDS = 5.0


def observe_processes(settings: Settings) -> None:
    """Each process of the worker has telemetry, from its fork to its end."""

    def begin(**_: Any) -> None:
        telemetry = Telemetry(settings, "watcher-worker")
        trace_working()

        def close(**_: Any) -> None:
            telemetry.close()

        worker_process_shutdown.connect(close, weak=False)  # after those who came before

    worker_process_init.connect(begin, weak=False)


@contextmanager
def observing_beat(settings: Settings) -> Iterator[None]:
    """The beat has telemetry for the length of the block."""
    telemetry = Telemetry(settings, "watcher-beat")
    trace_sending()
    try:
        with _queues_measured(settings):
            yield
    finally:
        telemetry.close()


@contextmanager
def _queues_measured(settings: Settings) -> Iterator[None]:
    """The queues of the broker are measured, in an event loop of their own: Celery's beat has none."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def measure() -> None:
        queues, stop = bus.queues(settings), asyncio.Event()
        meter = QueueMeter(queues, Container(settings=settings).clock())
        meter.begin()
        begun.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        meter.end()
        await bus.closed(queues)

    thread = Thread(target=asyncio.run, args=(measure(),), name="watcher-loop", daemon=True)
    thread.start()
    loop, stop = begun.result(START_SECONDS)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_SECONDS)
