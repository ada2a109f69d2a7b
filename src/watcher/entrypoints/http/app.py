"""The HTTP application: a function of the object graph."""

import gc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from watcher.container import Container, limiting, recognizing, working
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http import (
    addresses,
    alerts,
    anomalies,
    checks,
    executions,
    gate,
    lineage,
    maintenance,
    metrics,
    pipelines,
    problems,
    queues,
    reports,
    system,
)
from watcher.entrypoints.http.answers import Answer, encoded
from watcher.entrypoints.http.bodies.fields import BIGINT, NO_NUL
from watcher.entrypoints.http.crowd import AtMost, Crowd
from watcher.entrypoints.http.headless import Headless
from watcher.entrypoints.http.json_lane import JsonLane
from watcher.entrypoints.http.observed import Observed
from watcher.entrypoints.http.problems import Problem, ProblemAnswer, plain_problem
from watcher.entrypoints.http.rate_limited import RateLimited
from watcher.entrypoints.http.request_bodies import Room
from watcher.entrypoints.http.secured import secured

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


NOT_FOUND = ProblemAnswer(plain_problem(404, "There is nothing at this path."))


class Api(FastAPI):
    """FastAPI whose document knows the schemas that pydantic does not, and whose every answer has the headers of `secured`.

    The document says who may do what, too, where not everybody may do everything: `closed`.
    """

    closed = False
    _encoded: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif (
            "\n" in scope["path"]
        ):  # at its end a route's pattern would not see it, and lanes and gate are of exact paths
            await NOT_FOUND(scope, receive, secured(scope, send))
        else:
            await super().__call__(scope, receive, secured(scope, send))

    def setup(self) -> None:
        """Serves the document as it was encoded once: it is large, and everybody may ask for it."""
        super().setup()
        self.router.routes = [
            route for route in self.routes if getattr(route, "path", "") != self.openapi_url
        ]
        self.add_route(str(self.openapi_url), self._document, include_in_schema=False)

    async def _document(self, request: Request) -> Response:
        if root := request.scope.get("root_path", "").rstrip("/"):
            return Answer(encoded(self.openapi() | {"servers": [{"url": root}]}))
        if self._encoded is None:
            self._encoded = encoded(self.openapi())
        return Answer(self._encoded)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            shared = schema.pop("$defs") | {"Problem": schema}
            document = super().openapi()
            _exact(document)
            document["components"]["schemas"].update(shared | {"JsonValue": JSON_VALUE})
            gate.describe(document, closed=self.closed)
        return super().openapi()


def create_app(container: Container) -> FastAPI:
    """The application over the given graph, whose connections it closes at shutdown."""
    watcher = container.watcher()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what start-up made is here to stay: the collector need not look at it again
        async with working(container), recognizing(container), limiting(container):
            yield

    app = Api(
        title="Watcher",
        description=DESCRIPTION,
        version=version("watcher-etl"),
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry={  # FastAPI's own would measure and trace once more what `watcher.telemetry` does
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    routers = routers_of(watcher)
    measured = container.settings().metrics
    if measured:
        routers.append(metrics.router(container.exposition()))
    for each in routers:
        app.include_router(each)
    routes = routes_of(routers)
    problems.install(app, routes)
    _limit(app, routes, container)
    app.closed = container.settings().authentication != "none"
    gate.install(app, routes, container.callers() if app.closed else None)
    app.add_middleware(Headless)
    app.add_middleware(Observed, tally=container.tally(), measures=container.measures() if measured else None)
    return app


def routers_of(watcher: Watcher) -> list[APIRouter]:
    return [
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


def routes_of(routers: Sequence[APIRouter]) -> list[APIRoute]:
    """Every route, which the application itself keeps out of sight."""
    return [route for each in routers for route in each.routes if isinstance(route, APIRoute)]


def _limit(app: FastAPI, routes: Sequence[APIRoute], container: Container) -> None:
    """Puts what bounds requests around the application, from the inside to the outside."""
    settings = container.settings()
    crowd = Crowd(settings.request_limit)
    app.add_middleware(AtMost, crowd=crowd)
    app.add_middleware(JsonLane, routes=routes, crowd=crowd, room=Room(settings.body_limit))
    if settings.rate_limit:
        app.add_middleware(RateLimited, rates=container.rates(), rate=container.rate())


def _exact(schema: Any) -> None:
    """Bounds as the integers they are: FastAPI writes floats, to which 2^63 - 1 and 2^63 are one number."""
    if isinstance(schema, dict):
        for bound in {"minimum", "maximum"} & schema.keys():
            if isinstance(schema[bound], float):
                schema[bound] = min(int(schema[bound]), BIGINT)
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _exact(part)
