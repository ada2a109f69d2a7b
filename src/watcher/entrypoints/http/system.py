"""Routes of the service itself."""

from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from fastapi import APIRouter
from starlette.responses import Response

from watcher.domain.health import Part, Readiness
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, encoded
from watcher.entrypoints.http.gate import OPEN
from watcher.entrypoints.http.problems import (
    PROBLEMS_OF_PROBES,
    RETRY_AFTER_SECONDS,
    ProblemAnswer,
    ProblemFields,
    documented,
    plain_problem,
)


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    status: Literal["ok"] = "ok"


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """`parts` says how each part is: database, migrations, broker, beat and sweep.

    `impaired`, where it is there, says what is missing without which requests are served all the same.
    """

    parts: Mapping[str, Part]
    status: Literal["ok"] = "ok"
    impaired: Sequence[str] = ()


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

        Without the broker of background work, and where that lies idle, requests are served all the same: `impaired`
        tells of it. `parts` says in any case how everything is.
        """
        now = watcher.judge_readiness.clock.now()
        signs, away = await gather(watcher.vitals.read(now), watcher.broker.obstacles())
        return _told(watcher.judge_readiness(signs, away))

    return routes


def _told(readiness: Readiness) -> Response:
    if readiness.obstacles:
        problem = plain_problem(503, " ".join(readiness.obstacles))
        told = cast("ProblemFields", {**problem, "parts": readiness.parts})
        return ProblemAnswer(told, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    body = {"status": "ok", "parts": readiness.parts}
    if readiness.impaired:
        body["impaired"] = readiness.impaired
    return Answer(encoded(body))
