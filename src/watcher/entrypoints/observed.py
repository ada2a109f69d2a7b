"""An object graph under observation. Imports Logfire: only where somebody is there to observe."""

from typing import TYPE_CHECKING

from dependency_injector import providers

from watcher.container import Container
from watcher.domain.jobs import Job, Work
from watcher.settings import Settings
from watcher.telemetry.calls import TracedNotifier, traced_read
from watcher.telemetry.jobs import TracedWork
from watcher.telemetry.metrics import MeteredDurations, QueueMeter, meter_pool
from watcher.telemetry.program import Telemetry

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def application(settings: Settings, service: str) -> "ASGIApp":
    """The API, with telemetry that begins now and ends with it."""
    from watcher.entrypoints.http.app import create_app
    from watcher.telemetry.requests import Requests

    telemetry = Telemetry(settings, service)
    container = metered(Container(settings=settings, program=service.removeprefix("watcher-")))
    queues = None  # those of a broker are the beat's to tell of
    if container.task_bus() == "celery":
        from watcher.telemetry.messages import trace_sending

        trace_sending()
    else:
        work: dict[Job, Work] = container.work()
        container.work.override(providers.Object({job: TracedWork(job, work[job]) for job in work}))
        queues = QueueMeter(container.queues(), container.clock())
    return Requests(create_app(container), settings, telemetry, queues)


def metered(container: Container) -> Container:
    """The graph, whose pool and background jobs are measured, and whose calls of others are traced from now on."""
    container.notifier.override(providers.Object(TracedNotifier(container.notifier())))
    container.around_issuer.override(providers.Object(traced_read))
    container.durations.override(providers.Object(MeteredDurations(container.durations())))
    if container.store() == "postgres":
        meter_pool(container.database().connections.extent)
    return container
