"""Routes of the task bus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from watcher.domain.durations import Measured
from watcher.domain.queues import QueueHealth, QueueState
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, encoded
from watcher.entrypoints.http.gate import ADMIN
from watcher.entrypoints.http.problems import documented


@dataclass(frozen=True, slots=True)
class MonitorAnswer:
    """What waits in the queues, and who is there to do it; times in seconds.

    `tasks` counts the messages that were looked at, `looked_at` says how many those are: all, unless a queue is very
    long. `in_progress` were taken by a worker and are not finished. `task_durations` are those of the last hour.
    """

    status: Literal["success"]
    state: QueueState
    total_pending: int
    queues: Mapping[str, int]
    tasks: Mapping[str, int]
    looked_at: int
    in_progress: int
    oldest_age_seconds: float | None
    workers: int
    task_durations: Mapping[str, Measured]

    @classmethod
    def of(cls, health: QueueHealth) -> "MonitorAnswer":
        return cls(
            status="success",
            state=health.state,
            total_pending=health.backlog.pending,
            queues=health.backlog.queues,
            tasks=health.backlog.tasks,
            looked_at=health.backlog.looked_at,
            in_progress=health.backlog.in_progress,
            oldest_age_seconds=health.backlog.oldest_seconds,
            workers=health.backlog.workers,
            task_durations={str(job): measured for job, measured in health.durations.items()},
        )


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Service"])

    @routes.post(
        "/celery/monitor-queue", openapi_extra=ADMIN, response_model=MonitorAnswer, responses=documented()
    )
    async def monitor_queues() -> Response:
        """Looks at the queues of background work, and records when too much is pending; 503 without their broker."""
        return Answer(encoded(MonitorAnswer.of(await watcher.monitor_queues())))

    return routes
