"""Each job as a task of Celery."""

import logging
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore, SoftTimeLimitExceeded

from watcher.adapters.bus.application import SENT_AT, task_name
from watcher.bus import Background
from watcher.domain.delivery import Delivery, Performed
from watcher.domain.error_rates import Source
from watcher.domain.errors import Conflict, Invalid, NotFound, Unavailable
from watcher.domain.jobs import Job, Terms
from watcher.domain.queues import Queue
from watcher.entrypoints.worker.runtime import Runtime

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0


def register(app: Celery, job: Job, terms: Terms, runtime: Runtime) -> None:
    """Makes the job a task of the application."""

    @app.task(
        name=task_name(job),
        bind=True,
        max_retries=terms.retries,
        rate_limit=f"{terms.per_minute}/m",
        soft_time_limit=terms.soft_seconds,
        time_limit=terms.hard_seconds,
    )
    def task(self: Task[Any, Any], /, **parameters: int) -> None:
        _perform(self, runtime, _delivery(self, job, parameters))


def _delivery(task: Task[Any, Any], job: Job, parameters: dict[str, int]) -> Delivery:
    request: Any = task.request
    scheduled = request.delivery_info.get("routing_key") == Queue.SCHEDULED
    sent_at = getattr(request, SENT_AT, None)
    return Delivery(
        message=str(request.id),
        job=job,
        parameters=parameters,
        retries=request.retries,
        ticked_at=datetime.fromtimestamp(sent_at, UTC) if scheduled and sent_at is not None else None,
    )


def _perform(task: Task[Any, Any], runtime: Runtime, delivery: Delivery) -> None:
    """Says what became of it. What was refused is dropped; what failed otherwise is tried again a little later."""
    job, began = delivery.job, monotonic()
    failed: bool | None = False
    try:
        performed = runtime.run(lambda background: background.perform_job(delivery))
    except (NotFound, Conflict, Invalid) as refusal:
        log.warning("%s is dropped: %s", job, refusal)
        runtime.run(lambda background: background.perform_job.ended(delivery))
    except Unavailable as error:
        log.info("%s waits: %s", job, error)
        _retry(task, runtime, delivery, error)
        failed = True  # for good: what is tried again only waits
    except SoftTimeLimitExceeded as error:
        log.error("%s was broken off after %.0f s", job, monotonic() - began)  # noqa: TRY400 (where is no news)
        runtime.run(_failed)
        _retry(task, runtime, delivery, error)
        failed = None  # it is counted already
    except Exception as error:
        log.exception("%s failed", job)
        runtime.run(_failed)
        _retry(task, runtime, delivery, error)
        failed = None  # it is counted already
    else:
        if performed is Performed.GIVEN_UP:
            log.error("%s is given up: it ended its process too often; a sweep will begin anew", job)
            failed = True
        if performed is Performed.TAKEN_BY_ANOTHER:
            log.info("%s is not done here: another worker or server took its tick", job)
            raise Ignore
    runtime.run(lambda background: _measured(background, job, monotonic() - began, failed))


async def _failed(background: Background) -> None:
    background.tally.count(Source.TASKS, failed=True)


async def _measured(background: Background, job: Job, seconds: float, failed: bool | None) -> None:
    if failed is not None:
        background.tally.count(Source.TASKS, failed=failed)
    await background.durations.record(job, seconds, background.clock.now())


def _retry(task: Task[Any, Any], runtime: Runtime, delivery: Delivery, error: Exception) -> None:
    """Raises `Retry` to have the message sent again; returns when it was tried often enough."""
    if delivery.retries >= (task.max_retries or 0):
        log.error("%s is left to the next sweep, after %d retries: %s", delivery.job, delivery.retries, error)
        try:
            runtime.run(lambda background: background.perform_job.ended(delivery))
        except Unavailable as still:
            log.info("%s: %s", delivery.job, still)
        return
    longest = min(FIRST_RETRY_SECONDS * 2**delivery.retries, LONGEST_RETRY_SECONDS)
    # The retry keeps the headers, and with them its tick.
    raise task.retry(countdown=uniform(longest / 2, longest))  # noqa: S311 (spreads load, hides nothing)
