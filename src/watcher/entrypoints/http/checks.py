"""Routes of checks: freshness and timeliness."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from watcher.domain.freshness import SpellFilter, StaleSpell
from watcher.domain.jobs import Job
from watcher.domain.page import DEFAULT_LIMIT, Page
from watcher.domain.timeliness import LateRun, LateRunFilter
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, paged
from watcher.entrypoints.http.bodies.checks import TimelinessBody
from watcher.entrypoints.http.gate import ADMIN, READ
from watcher.entrypoints.http.parameters import After, Limit, OptionalId
from watcher.entrypoints.http.problems import BODY_PROBLEMS, documented

Open = Annotated[
    bool | None, Query(description="Only what lasts still (`true`), or only what is over (`false`).")
]


@dataclass(frozen=True, slots=True)
class QueuedAnswer:
    status: Literal["queued"] = "queued"


QUEUED = b'{"status":"queued"}'


def checking_router(watcher: Watcher) -> APIRouter:
    """What sets checks off, which otherwise run every few minutes."""
    routes = APIRouter(tags=["Checks"])

    @routes.post("/freshness", openapi_extra=ADMIN, response_model=QueuedAnswer, responses=documented())
    async def check_freshness() -> Response:
        """Looks for pipelines whose target did not change for longer than their threshold, after the answer."""
        watcher.jobs.announce(Job.CHECK_FRESHNESS)
        return Answer(QUEUED)

    @routes.post(
        "/timeliness", openapi_extra=ADMIN, response_model=QueuedAnswer, responses=documented(*BODY_PROBLEMS)
    )
    async def check_timeliness(body: TimelinessBody) -> Response:
        """Looks for runs that take, or took, longer than their pipeline's threshold, after the answer."""
        watcher.jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=body.lookback_minutes)
        return Answer(QUEUED)

    return routes


def log_router(watcher: Watcher) -> APIRouter:
    """What checks found."""
    routes = APIRouter(tags=["Checks"])

    @routes.get(
        "/freshness_log", openapi_extra=READ, response_model=list[StaleSpell], responses=documented(422)
    )
    async def list_stale_spells(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        open: Open = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Spells of stale data, newest first by id; an open one has no `ended_at`."""
        wanted = SpellFilter(pipeline_id=pipeline_id, open=open)
        rows = await watcher.stale_spells.page(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get(
        "/timeliness_log", openapi_extra=READ, response_model=list[LateRun], responses=documented(422)
    )
    async def list_late_runs(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        open: Open = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Late runs, newest first by id; an open one has no `end_date`."""
        wanted = LateRunFilter(pipeline_id=pipeline_id, open=open)
        rows = await watcher.late_runs.page(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    return routes
