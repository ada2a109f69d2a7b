"""The HTTP application: a function of the object graph."""

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from watcher.container import Container, working
from watcher.entrypoints.http import (
    addresses,
    alerts,
    anomalies,
    checks,
    executions,
    lineage,
    maintenance,
    metrics,
    pipelines,
    problems,
    queues,
    reports,
    system,
)
from watcher.entrypoints.http.bodies.fields import BIGINT, NO_NUL
from watcher.entrypoints.http.json_lane import JsonLane
from watcher.entrypoints.http.observed import Observed
from watcher.entrypoints.http.problems import Problem

DESCRIPTION = "Records what data pipelines do: executions, watermarks, and from where to where data flows."
_NESTED = {"$ref": "#/components/schemas/JsonValue"}
JSON_VALUE: Mapping[str, Any] = {
    "description": "Any JSON, nested up to 100 levels deep.",
    "anyOf": [
        {"type": ["null", "boolean"]},
        {"type": "string", "pattern": NO_NUL},
        {"type": "number", "minimum": -BIGINT - 1, "maximum": 2 * BIGINT + 1},
        {"type": "array", "items": _NESTED},
        {"type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": _NESTED},
    ],
}


class Api(FastAPI):
    """FastAPI whose document knows the schemas that pydantic does not: of problems, and of metadata."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            shared = schema.pop("$defs") | {"Problem": schema}
            document = super().openapi()
            _exact(document)
            document["components"]["schemas"].update(shared | {"JsonValue": JSON_VALUE})
        return super().openapi()


def create_app(container: Container) -> FastAPI:
    """The application over the given graph, whose connections it closes at shutdown."""
    watcher = container.watcher()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what start-up made is here to stay: the collector need not look at it again
        async with working(container):
            yield

    app = Api(
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
        addresses.router(watcher),
        addresses.type_router(watcher),
        executions.reporting_router(watcher),
        executions.reading_router(watcher),
        lineage.declaring_router(watcher),
        lineage.graph_router(watcher),
        lineage.effects_router(watcher),
        checks.checking_router(watcher),
        checks.log_router(watcher),
        anomalies.rule_router(watcher),
        anomalies.result_router(watcher),
        alerts.router(watcher),
        reports.router(watcher),
        maintenance.router(watcher),
        queues.router(watcher),
    ]
    measured = container.settings().metrics
    if measured:
        routers.append(metrics.router(container.exposition()))
    for each in routers:
        app.include_router(each)
    routes = [route for each in routers for route in each.routes if isinstance(route, APIRoute)]
    problems.install(app, routes)
    app.add_middleware(JsonLane, routes=routes, body_limit=container.settings().body_limit)
    app.add_middleware(Observed, tally=container.tally(), measures=container.measures() if measured else None)
    return app


def _exact(schema: Any) -> None:
    """Bounds as the integers they are: FastAPI writes floats, to which 2^63 - 1 and 2^63 are one number."""
    if isinstance(schema, dict):
        for bound in {"minimum", "maximum"} & schema.keys():
            if isinstance(schema[bound], float):
                schema[bound] = min(int(schema[bound]), BIGINT)
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _exact(part)
