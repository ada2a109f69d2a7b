"""Routes of executions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from watcher.domain.errors import WatcherError
from watcher.domain.execution import Execution, Record
from watcher.domain.executions import ExecutionFilter, Started, Status
from watcher.domain.page import DEFAULT_LIMIT, Page
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import (
    NO_CONTENT,
    Answer,
    ExecutionTree,
    IdAnswer,
    encoded,
    paged,
    tree,
)
from watcher.entrypoints.http.bodies.executions import BulkBody, EndBody, StartBody
from watcher.entrypoints.http.bodies.fields import Instant
from watcher.entrypoints.http.gate import READ, WRITE
from watcher.entrypoints.http.parameters import After, Id, Limit, OptionalId
from watcher.entrypoints.http.problems import (
    BODY_PROBLEMS,
    Problem,
    ProblemFields,
    documented,
    problem_of,
)

OptionalInstant = Annotated[Instant | None, Query()]


@dataclass(frozen=True, slots=True)
class ProblemVerdict:
    problem: Problem


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    results: list[IdAnswer | ProblemVerdict]


def reporting_router(watcher: Watcher) -> APIRouter:
    """What pipelines tell."""
    routes = APIRouter(tags=["Executions"])

    @routes.post(
        "/start_pipeline_execution",
        openapi_extra=WRITE,
        status_code=201,
        response_model=IdAnswer,
        responses=documented(404, *BODY_PROBLEMS, existing=IdAnswer),
    )
    async def start_pipeline_execution(body: StartBody) -> Response:
        """Begins a run, now unless it says when. With an `external_id` a repeat is harmless."""
        started = await watcher.start_execution(
            body.pipeline_id,
            body.start_date,
            watermark=body.watermark,
            next_watermark=body.next_watermark,
            parent_id=body.parent,
            external_id=body.external_id,
        )
        return Answer(b'{"id":%d}' % started.id, 200 if started.repeated else 201)

    @routes.post(
        "/end_pipeline_execution",
        openapi_extra=WRITE,
        status_code=204,
        responses=documented(404, 409, *BODY_PROBLEMS),
    )
    async def end_pipeline_execution(body: EndBody) -> Response:
        """Ends a run, once. The same end again is harmless, another one a conflict."""
        await watcher.end_execution(body.id, body.outcome())
        return NO_CONTENT

    @routes.post(
        "/pipeline_execution/bulk",
        openapi_extra=WRITE,
        response_model=BulkAnswer,
        responses=documented(*BODY_PROBLEMS),
    )
    async def record_pipeline_executions(body: BulkBody) -> Response:
        """Takes up to 10,000 finished runs; `results` has an id or a problem for each, in order."""
        return Answer(encoded({"results": await _recorded(watcher, body.records())}))

    return routes


def reading_router(watcher: Watcher) -> APIRouter:
    """What people ask."""
    routes = APIRouter(tags=["Executions"])

    @routes.get("/pipeline_execution/bulk", openapi_extra=READ, include_in_schema=False)
    async def no_execution_is_called_bulk() -> Response:
        raise HTTPException(405)

    @routes.get(
        "/pipeline_execution", openapi_extra=READ, response_model=list[Execution], responses=documented(422)
    )
    async def list_pipeline_executions(
        request: Request,
        *,
        pipeline_id: OptionalId = None,
        status: Status | None = None,
        started_after: OptionalInstant = None,
        started_before: OptionalInstant = None,
        parent_id: OptionalId = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Executions, newest first. `started_after` is inclusive, `started_before` exclusive."""
        wanted = ExecutionFilter(
            pipeline_id=pipeline_id,
            status=status,
            started_after=started_after,
            started_before=started_before,
            parent_id=parent_id,
        )
        rows = await watcher.executions.page(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get(
        "/pipeline_execution/{id}",
        openapi_extra=READ,
        response_model=ExecutionTree,
        responses=documented(404, 422),
    )
    async def get_pipeline_execution(id: Id) -> Response:
        """A run with the whole tree of runs below it."""
        return Answer(tree(await watcher.executions.tree(id)))

    return routes


async def _recorded(watcher: Watcher, judged: Sequence[Record | ValidationError | WatcherError]) -> list[Any]:
    records = [record for record in judged if isinstance(record, Record)]
    verdicts = iter(await watcher.record_executions(records) if records else ())
    return [
        _result(next(verdicts)) if isinstance(item, Record) else _refused(item, ("body", "executions", index))
        for index, item in enumerate(judged)
    ]


def _result(verdict: Started | WatcherError) -> IdAnswer | dict[str, ProblemFields]:
    return _refused(verdict) if isinstance(verdict, WatcherError) else IdAnswer(verdict.id)


def _refused(
    error: ValidationError | WatcherError, place: Sequence[str | int] = ("body",)
) -> dict[str, ProblemFields]:
    return {"problem": problem_of(error, place)}
