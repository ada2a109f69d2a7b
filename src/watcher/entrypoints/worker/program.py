"""`watcher worker` and `watcher beat`: Celery's own programs, on our application."""

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from math import ceil, isinf
from typing import Any

import billiard.pool
from celery import Celery
from celery.signals import worker_process_shutdown, worker_shutdown

from watcher.adapters.bus.application import application
from watcher.adapters.bus.clockwork import Clockwork
from watcher.adapters.bus.connection import is_redis
from watcher.adapters.bus.presence import SILENT_SECONDS, Presence, node, silent
from watcher.adapters.bus.pulse import Pulse, place
from watcher.bus import broker
from watcher.container import Container
from watcher.domain.jobs import JOBS, Job, Terms
from watcher.domain.queues import Queue
from watcher.entrypoints.worker.runtime import Runtime
from watcher.entrypoints.worker.tasks import register
from watcher.settings import Settings
from watcher.telemetry import logs
from watcher.telemetry.destination import has_destination

FORMAT = "%(asctime)s %(levelname)s %(processName)s %(message)s"
LOOK_SECONDS = 0.5
"""How long Celery looks at each of its processes while it stops."""


def work(
    settings: Settings,
    *,
    terms: Mapping[Job, Terms] = JOBS,
    container: Callable[[Settings], Container] = lambda settings: Container(
        settings=settings, program="worker"
    ),
    **transport: Any,
) -> int:
    """Runs a worker until it is told to stop; its exit code. `transport` are options of Celery's transport."""
    _log(settings)
    leave_soon(settings.worker_concurrency)
    app = _application(settings, terms)
    app.conf.broker_transport_options.update(transport)
    observed = has_destination(settings)
    runtime = Runtime(lambda: _metered(container(_of_one_process(settings)), observed=observed))
    for job in terms:
        register(app, job, terms[job], runtime)
    if is_redis(broker(settings)):
        app.steps["consumer"].add(Presence)

    def close(**_: Any) -> None:
        runtime.close()

    worker_process_shutdown.connect(close, weak=False)
    worker_shutdown.connect(close, weak=False)
    if observed:
        from watcher.entrypoints.worker.observed import observe_processes

        observe_processes(settings)
    worker = app.Worker(
        hostname=node(),
        concurrency=settings.worker_concurrency,
        loglevel=settings.log_level.upper(),
        queues=[queue.value for queue in Queue],
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def stillness(settings: Settings) -> str | None:
    """What speaks against a worker of this host being alive; None where nobody can tell, beside brokers other than Redis say."""
    quiet = silent(broker(settings)) if is_redis(broker(settings)) else None
    if quiet is None:
        return None
    if isinf(quiet):
        return "Redis has not heard from any worker of this host: none has connected to it under this host's name."
    return f"Redis has heard from no worker of this host for {quiet:.0f} s, of {SILENT_SECONDS:.0f} allowed."


def beat(settings: Settings) -> None:
    """Sends each job by its schedule, until it is told to stop."""
    _log(settings)
    app = _application(settings, JOBS)
    scheduler: Any = partial(Clockwork, pulse=Pulse(place()))
    with _observing_beat(settings):
        app.Beat(
            loglevel=settings.log_level.upper(), quiet=True, socket_timeout=10, scheduler_cls=scheduler
        ).run()


def beats() -> bool:
    """Whether this host's beat does, that is, turns."""
    return Pulse(place()).is_felt()


def _application(settings: Settings, terms: Mapping[Job, Terms]) -> Celery:
    return application(broker(settings), terms, settings.schedule)


def _of_one_process(settings: Settings) -> Settings:
    """A process of a worker does one job at a time, which may ask for two connections."""
    return settings.model_copy(
        update={"pool_size": settings.pool_size or 2, "workers": settings.worker_concurrency}
    )


def _metered(container: Container, *, observed: bool) -> Container:
    if not observed:
        return container
    from watcher.entrypoints.observed import metered

    return metered(container)


def leave_soon(processes: int) -> None:
    """Has a process that ends wait for its worker to hear what it did for as long as that takes, 30 s at most.

    A worker that stops looks at one process after the other for half a second; and never at the answer to a job that
    it had handed over, did not see begin, and so gave back to the broker, where another worker takes it.
    """
    seconds = LOOK_SECONDS * (processes + 2)
    looks = ceil(seconds / billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL)
    by_itself = billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT
    billiard.pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = min(looks, by_itself)


def _observing_beat(settings: Settings) -> AbstractContextManager[None]:
    if not has_destination(settings):
        return nullcontext()
    from watcher.entrypoints.worker.observed import observing_beat

    return observing_beat(settings)


def _log(settings: Settings) -> None:
    logs.begin(settings)
    logging.basicConfig(level=settings.log_level.upper(), format=FORMAT, stream=sys.stderr)
