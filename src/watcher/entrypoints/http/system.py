"""Routes of the service itself."""

from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from watcher.container import Watcher
from watcher.entrypoints.http.answers import Answer
from watcher.entrypoints.http.problems import (
    RETRY_AFTER_SECONDS,
    ProblemAnswer,
    documented,
    plain_problem,
)


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    status: Literal["ok"] = "ok"


OK = b'{"status":"ok"}'


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Service"])

    @routes.get("/", response_model=StatusAnswer)
    async def root() -> Response:
        return Answer(OK)

    @routes.get("/health/live", response_model=StatusAnswer)
    async def live() -> Response:
        """The process answers."""
        return Answer(OK)

    @routes.get("/health/ready", response_model=StatusAnswer, responses=documented())
    async def ready() -> Response:
        """Everything that requests need is there; else 503 and what is missing."""
        obstacles = await watcher.probes.obstacles()
        if not obstacles:
            return Answer(OK)
        return ProblemAnswer(
            plain_problem(503, " ".join(obstacles)), {"Retry-After": str(RETRY_AFTER_SECONDS)}
        )

    return routes
