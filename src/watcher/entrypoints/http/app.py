"""The HTTP application: a function of the object graph."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from watcher.container import Container, closing
from watcher.entrypoints.http import executions, pipelines, problems, system
from watcher.entrypoints.http.json_lane import JsonLane
from watcher.entrypoints.http.problems import Problem

DESCRIPTION = "Records what data pipelines do: executions, watermarks, and how far each has come."


def create_app(container: Container) -> FastAPI:
    """The application over the given graph, whose connections it closes at shutdown."""
    watcher = container.watcher()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what start-up made is here to stay: the collector need not look at it again
        async with closing(container):
            yield

    app = FastAPI(
        title="Watcher",
        description=DESCRIPTION,
        version=version("watcher-etl"),
        lifespan=lifespan,
        redirect_slashes=False,
    )
    routers = [
        system.router(watcher),
        pipelines.router(watcher),
        pipelines.type_router(watcher),
        executions.router(watcher),
    ]
    for each in routers:
        app.include_router(each)
    routes = [route for each in routers for route in each.routes if isinstance(route, APIRoute)]
    problems.install(app, routes)
    app.add_middleware(JsonLane, routes=routes, body_limit=container.settings().body_limit)
    app.openapi = lambda: _documented(app)  # type: ignore[method-assign]
    return app


def _documented(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the schema that all problems share."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas.update(schema.pop("$defs"))
        schemas["Problem"] = schema
        app.openapi_schema = document
    return app.openapi_schema
