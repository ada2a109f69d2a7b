"""The object graph of `watcher doctor`, beside that of servers, which do without it."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version

from watcher import bus
from watcher.container.graph import Container, closing
from watcher.domain.diagnose import Diagnose
from watcher.domain.diagnosis import Diagnosis
from watcher.domain.diagnosis_settings import Arrangement
from watcher.domain.health import JudgeReadiness
from watcher.domain.queues import Limits
from watcher.settings import Settings

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def diagnosed(settings: Settings) -> Diagnosis:
    """What there is to say about a Watcher with these settings, however ill it is."""
    container = Container(settings=settings, program="doctor")
    clock, exams = container.clock(), container.broker_exams()
    async with closing(container):
        try:
            return await Diagnose(
                vitals=container.vitals(),
                database=container.database_exams(),
                broker=exams,
                judge=JudgeReadiness(container.schedule(), clock, container.task_bus(), LONG_AGO),
                clock=clock,
                limits=Limits(settings.queue_warning, settings.queue_critical),
                plan=arrangement(settings),
                versions=[("Watcher", version("watcher-etl")), ("Python", platform.python_version())],
            )()
        finally:
            if settings.broker_url is not None:
                await bus.closed(exams)


def arrangement(settings: Settings) -> Arrangement:
    """What of the settings may contradict something."""
    return Arrangement(
        workers=settings.workers,
        worker_concurrency=settings.worker_concurrency,
        pool_size=settings.pool_size,
        database_timeout=settings.database_timeout,
        graceful_timeout=settings.graceful_timeout,
        retention_days=settings.retention_days,
        broker=settings.broker_url is not None,
        channels=len(settings.channels()),
    )
