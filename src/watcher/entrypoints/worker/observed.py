"""Worker and beat under observation. Imports Logfire, before Celery forks: its processes share the memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from watcher.settings import Settings
from watcher.telemetry.messages import trace_sending, trace_working
from watcher.telemetry.program import Telemetry


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
        yield
    finally:
        telemetry.close()
