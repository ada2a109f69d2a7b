"""The numbers of this server, for Prometheus."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from watcher.domain.measures import Exposition
from watcher.entrypoints.http.gate import READ

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def router(exposition: Exposition) -> APIRouter:
    routes = APIRouter(tags=["Service"])

    @routes.get("/metrics", openapi_extra=READ, response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The numbers of all processes of this server, in the text format of Prometheus."""
        return Response(await exposition.written(), media_type=MEDIA_TYPE)

    return routes
