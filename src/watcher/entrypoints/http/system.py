"""Routes of the service itself."""

from asyncio import gather
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from watcher.domain.health import Part, Readiness
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, encoded
from watcher.entrypoints.http.gate import OPEN, OPEN_IN_SHORT, is_stranger
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

    @routes.get(
        "/health/ready",
        openapi_extra=OPEN_IN_SHORT,
        response_model=ReadyAnswer,
        responses=PROBLEMS_OF_PROBES,
    )
    async def ready(request: Request) -> Response:
        """Everything that requests need is there; else 503 and what is missing.

        Without the broker of background work, and where that lies idle, requests are served all the same: `impaired`
        tells of it. `parts` says in any case how everything is; to who may not read, it is told in one word each.
        """
        now = watcher.judge_readiness.clock.now()
        signs, away = await gather(watcher.vitals.read(now), watcher.broker.obstacles())
        readiness = watcher.judge_readiness(signs, away)
        return _told_in_short(readiness) if is_stranger(request.scope) else _told(readiness)

    return routes


def _told(readiness: Readiness) -> Response:
    return _judged(readiness.parts, readiness.obstacles, readiness.impaired)


def _told_in_short(readiness: Readiness) -> Response:
    """Without versions, messages and times."""
    parts = {name: Part(part.state) for name, part in readiness.parts.items()}
    unwell = [name for name, part in readiness.parts.items() if not part.well]
    if readiness.obstacles:
        return _judged(parts, [f"Not as it should be: {', '.join(unwell)}."], [])
    return _judged(parts, [], unwell)


def _judged(parts: Mapping[str, Part], obstacles: Sequence[str], impaired: Sequence[str]) -> Response:
    if obstacles:
        problem = plain_problem(503, " ".join(obstacles))
        told = cast("ProblemFields", {**problem, "parts": parts})
        return ProblemAnswer(told, {"Retry-After": str(RETRY_AFTER_SECONDS)})
    body = {"status": "ok", "parts": parts} | ({"impaired": impaired} if impaired else {})
    return Answer(encoded(body))
