"""The way of every request body: bytes straight into pydantic, the answer straight out.

A middleware that stands before FastAPI's router and dependency layers, which cost more than the whole rest of
a start. It serves the routes that FastAPI has registered, so that the OpenAPI document, the path and the
function stay what they are; routes without a body go on to FastAPI.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from watcher.domain.errors import WatcherError
from watcher.entrypoints.http.crowd import Crowd
from watcher.entrypoints.http.problems import BadRequest, answer_to
from watcher.entrypoints.http.request_bodies import Body, ClientGone, Room
from watcher.entrypoints.http.values import require_few_values


@dataclass(frozen=True, slots=True)
class Lane:
    """One route: how its body is read, and what answers it."""

    route: APIRoute
    body: TypeAdapter[Any]
    endpoint: Callable[..., Awaitable[Response]]

    @classmethod
    def of(cls, route: APIRoute) -> "Lane":
        field = route.body_field
        annotation = None if field is None else field.field_info.annotation
        if annotation is None:
            raise TypeError(f"{route.path} has no body")
        return cls(route, TypeAdapter(annotation), route.endpoint)


class JsonLane:
    """Serves the routes with a body; everything else is `app`'s."""

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute], crowd: Crowd, room: Room) -> None:
        self._app = app
        self._crowd = crowd
        self._room = room
        self._lanes = {
            (method, route.path): Lane.of(route)
            for route in routes
            if route.body_field is not None
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._lane(scope)
        if lane is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = lane.route  # as the router does, for those who measure
        body = Body(self._room)
        try:
            with suppress(ClientGone):
                answer = await self._answer(lane, body, scope, receive)
                await answer(scope, receive, send)
        finally:
            body.release()

    def _lane(self, scope: Scope) -> Lane | None:
        if scope["type"] != "http":
            return None
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return self._lanes.get((scope["method"], path))

    async def _answer(self, lane: Lane, body: Body, scope: Scope, receive: Receive) -> Response:
        """Whoever is slow to send a body is not of the crowd until it is there."""
        try:
            self._crowd.require_room()
            content = await body.read(scope, receive)
            require_few_values(content)
            with self._crowd:
                return await lane.endpoint(lane.body.validate_json(content))
        except (WatcherError, ValidationError, BadRequest) as error:
            return answer_to(error)
