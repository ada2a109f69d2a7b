"""Routes of pipelines and their types."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from watcher.domain.page import DEFAULT_LIMIT, Page
from watcher.domain.pipeline import Pipeline
from watcher.domain.pipeline_type import PipelineType
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import Answer, IdAnswer, encoded, paged
from watcher.entrypoints.http.bodies.pipelines import (
    PipelineBody,
    PipelinePatch,
    PipelineTypeBody,
    PipelineTypePatch,
)
from watcher.entrypoints.http.gate import READ, WRITE
from watcher.entrypoints.http.parameters import After, Id, Limit
from watcher.entrypoints.http.problems import BODY_PROBLEMS, PROBLEMS_OF_PATCH, documented


@dataclass(frozen=True, slots=True)
class PipelineAnswer:
    id: int
    active: bool
    load_lineage: bool
    watermark: str | None


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Pipelines"])

    @routes.post(
        "/pipeline",
        openapi_extra=WRITE,
        status_code=201,
        response_model=PipelineAnswer,
        responses=documented(*BODY_PROBLEMS, existing=PipelineAnswer),
    )
    async def declare_pipeline(body: PipelineBody) -> Response:
        """Gets or creates a pipeline by name; a changed declaration updates it.

        `watermark` is the current one when the request carries a `next_watermark`, else null.
        """
        declared = await watcher.declare_pipeline(body.declaration())
        answer = PipelineAnswer(declared.id, declared.active, declared.load_lineage, declared.watermark)
        return Answer(encoded(answer), 201 if declared.created else 200)

    @routes.get("/pipeline", openapi_extra=READ, response_model=list[Pipeline], responses=documented(422))
    async def list_pipelines(
        request: Request,
        name: Annotated[str | None, Query(description="Only the pipeline of this name.")] = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """Pipelines by ascending id."""
        rows = await watcher.pipelines.page(Page(limit, after), name)
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get("/pipeline/{id}", openapi_extra=READ, response_model=Pipeline, responses=documented(404, 422))
    async def get_pipeline(id: Id) -> Response:
        return Answer(encoded(await watcher.pipelines.get(id)))

    @routes.patch("/pipeline", openapi_extra=WRITE, response_model=Pipeline, responses=PROBLEMS_OF_PATCH)
    async def change_pipeline(body: PipelinePatch) -> Response:
        """Changes the fields that the body names, of the pipeline with that `id` or, without one, `name`."""
        return Answer(encoded(await watcher.change_pipeline(*body.change())))

    return routes


def type_router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Pipeline types"])

    @routes.post(
        "/pipeline_type",
        openapi_extra=WRITE,
        status_code=201,
        response_model=IdAnswer,
        responses=documented(*BODY_PROBLEMS, existing=IdAnswer),
    )
    async def declare_pipeline_type(body: PipelineTypeBody) -> Response:
        """Gets or creates a pipeline type by name; a changed declaration updates it."""
        declared = await watcher.declare_pipeline_type(body.declaration())
        return Answer(b'{"id":%d}' % declared.id, 201 if declared.created else 200)

    @routes.get(
        "/pipeline_type", openapi_extra=READ, response_model=list[PipelineType], responses=documented(422)
    )
    async def list_pipeline_types(
        request: Request, limit: Limit = DEFAULT_LIMIT, after: After = None
    ) -> Response:
        """Pipeline types by ascending id."""
        rows = await watcher.pipeline_types.page(Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get(
        "/pipeline_type/{id}", openapi_extra=READ, response_model=PipelineType, responses=documented(404, 422)
    )
    async def get_pipeline_type(id: Id) -> Response:
        return Answer(encoded(await watcher.pipeline_types.get(id)))

    @routes.patch(
        "/pipeline_type", openapi_extra=WRITE, response_model=PipelineType, responses=PROBLEMS_OF_PATCH
    )
    async def change_pipeline_type(body: PipelineTypePatch) -> Response:
        """Changes the fields that the body names, of the type with that `id` or, without one, `name`."""
        return Answer(encoded(await watcher.change_pipeline_type(*body.change())))

    return routes
