"""Routes of the service itself."""

from asyncio import gather
from dataclasses import dataclass, field
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, encoded
from watcher.entrypoints.http.gate import OPEN
from watcher.entrypoints.http.problems import (
    PROBLEMS_OF_PROBES,
    RETRY_AFTER_SECONDS,
    ProblemAnswer,
    documented,
    plain_problem,
)


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """`impaired`, where it is there, says what is missing without which requests are served all the same."""

    status: Literal["ok"] = "ok"
    impaired: list[str] = field(default_factory=list)


OK = b'{"status":"ok"}'


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Service"])

    @routes.get("/", openapi_extra=OPEN, response_model=StatusAnswer, responses=documented())
    async def root() -> Response:
        return Answer(OK)

    @routes.get("/health/live", openapi_extra=OPEN, response_model=StatusAnswer)
    async def live() -> Response:
        """The process answers."""
        return Answer(OK)

    @routes.get("/health/ready", openapi_extra=OPEN, response_model=ReadyAnswer, responses=PROBLEMS_OF_PROBES)
    async def ready() -> Response:
        """Everything that requests need is there; else 503 and what is missing.

        Without the broker of background work requests are served all the same: `impaired` tells of it.
        """
        obstacles, impaired = await gather(watcher.probes.obstacles(), watcher.broker.obstacles())
        if not obstacles:
            return Answer(encoded(ReadyAnswer(impaired=list(impaired))) if impaired else OK)
        return ProblemAnswer(
            plain_problem(503, " ".join(obstacles)), {"Retry-After": str(RETRY_AFTER_SECONDS)}
        )

    return routes
