"""Routes of alerts: what people were told, and what became of the messages."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from watcher.domain.alert_sentences import AlertKind
from watcher.domain.alerts import Alert, AlertFilter
from watcher.domain.deliveries import Delivery, DeliveryFilter, DeliveryState
from watcher.domain.page import DEFAULT_LIMIT, Page
from watcher.domain.watcher import Watcher
from watcher.entrypoints.http.answers import paged
from watcher.entrypoints.http.bodies.fields import NO_NUL
from watcher.entrypoints.http.checks import Open
from watcher.entrypoints.http.gate import READ
from watcher.entrypoints.http.parameters import After, Limit
from watcher.entrypoints.http.problems import documented


def router(watcher: Watcher) -> APIRouter:
    routes = APIRouter(tags=["Alerts"])

    @routes.get("/alert", openapi_extra=READ, response_model=list[Alert], responses=documented(422))
    async def list_alerts(
        request: Request,
        *,
        kind: Annotated[AlertKind | None, Query(description="Only what is told of this kind.")] = None,
        open: Open = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """What people are told of, newest first by id, with the messages that told them; an open one has no `ended_at`."""
        rows = await watcher.alerts.page(AlertFilter(kind=kind, open=open), Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    @routes.get(
        "/alert_delivery", openapi_extra=READ, response_model=list[Delivery], responses=documented(422)
    )
    async def list_deliveries(
        request: Request,
        *,
        channel: Annotated[
            str | None,
            Query(max_length=50, pattern=NO_NUL, description="Only to the channel of this name."),
        ] = None,
        state: Annotated[DeliveryState | None, Query(description="Only those in this state.")] = None,
        limit: Limit = DEFAULT_LIMIT,
        after: After = None,
    ) -> Response:
        """What was sent where and what became of it, newest first by id."""
        wanted = DeliveryFilter(channel=channel, state=state)
        rows = await watcher.deliveries.page(wanted, Page(limit, after))
        return paged(request, rows, rows.items[-1].id if rows.items else None)

    return routes
