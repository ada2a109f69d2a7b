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
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from watcher.domain.errors import WatcherError
from watcher.entrypoints.http.problems import BadRequest, answer_to

JSON_TYPES = ("application/json", "+json")


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


class ClientGone(Exception):
    """The client closed the connection before it had sent its request."""


class JsonLane:
    """Serves the routes with a body; everything else is `app`'s."""

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute], body_limit: int) -> None:
        self._app = app
        self._body_limit = body_limit
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
        scope["route"] = lane.route  # as FastAPI does, for who asks afterwards what was served
        with suppress(ClientGone):
            answer = await self._answer(lane, scope, receive)
            await answer(scope, receive, send)

    def _lane(self, scope: Scope) -> Lane | None:
        if scope["type"] != "http":
            return None
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return self._lanes.get((scope["method"], path))

    async def _answer(self, lane: Lane, scope: Scope, receive: Receive) -> Response:
        try:
            body = await self._read(scope, receive)
            return await lane.endpoint(lane.body.validate_json(body))
        except (WatcherError, ValidationError, BadRequest) as error:
            return answer_to(error)

    async def _read(self, scope: Scope, receive: Receive) -> bytearray:
        """The whole body. Raises `BadRequest` when it is too large or not JSON by its own account."""
        headers = Headers(scope=scope)
        kind = headers.get("content-type")
        if kind is not None and not kind.partition(";")[0].strip().lower().endswith(JSON_TYPES):
            raise BadRequest(415, f"The content type must be application/json, not {kind}.")
        length = headers.get("content-length", "0")
        self._require_small(int(length) if length.isdecimal() else 0)
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            self._require_small(len(body))
        return body

    def _require_small(self, size: int) -> None:
        if size > self._body_limit:
            raise BadRequest(413, f"The request body is larger than {self._body_limit:,} bytes.")
