"""Who may pass: every request is looked at before anything else of it is read.

A middleware and not a dependency of FastAPI: the hot routes go past those. Each route says which scope it needs, where
it stands; a path that no route has takes a key as well, so that what is forgotten is closed and not open.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from watcher.domain.callers import (
    Caller,
    Callers,
    CredentialsMissing,
    CredentialsRefused,
    Scope,
)
from watcher.domain.errors import WatcherError
from watcher.entrypoints.http.problems import answer_to, documented

SCHEME = "bearer"
LONGEST_TOKEN = 8_192
OPEN: dict[str, Any] = {"security": []}
OPEN_IN_SHORT: dict[str, Any] = {"security": [{}, {SCHEME: [Scope.READ.value]}]}
READ: dict[str, Any] = {"security": [{SCHEME: [Scope.READ.value]}]}
WRITE: dict[str, Any] = {"security": [{SCHEME: [Scope.WRITE.value]}]}
ADMIN: dict[str, Any] = {"security": [{SCHEME: [Scope.ADMIN.value]}]}
"""What a route needs, as `openapi_extra` of it. One that is open in short tells strangers less: see `is_stranger`."""


class Gate:
    """Lets a request on to `app` when its bearer has the scope of its route, and tells `app` who that is.

    `connection["watcher.caller"]` is the `Caller` there; nothing where a route is open.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[APIRoute], callers: Callers) -> None:
        self._app = app
        self._callers = callers
        self._scopes = {
            (method, route.path): scope_of(route) for route in routes for method in route.methods or ()
        }
        self._routes = [(route.path_regex, route.methods or set(), scope_of(route)) for route in routes]
        self._open = {*OPEN_PAGES} | {route.path for route in routes if scope_of(route) is None}
        self._short = {route.path for route in routes if route.openapi_extra == OPEN_IN_SHORT}

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        if connection["type"] == "http":
            path = connection["path"].removeprefix(connection.get("root_path", ""))
            needed = self._needed(connection["method"], path)
            if needed is not None:
                try:
                    caller = await self._bearer(connection)
                    caller.require(needed)
                except WatcherError as error:
                    await answer_to(error)(connection, receive, send)
                    return
                connection["watcher.caller"] = caller
            elif path in self._short:
                connection["watcher.stranger"] = not await self._may_read(connection)
        await self._app(connection, receive, send)

    async def _bearer(self, connection: Connection) -> Caller:
        token = _token(connection["headers"])
        return self._callers.known(token) or await self._callers.find(token)

    async def _may_read(self, connection: Connection) -> bool:
        """Where that cannot be told now, no."""
        try:
            (await self._bearer(connection)).require(Scope.READ)
        except WatcherError:
            return False
        return True

    def _needed(self, method: str, path: str) -> Scope | None:
        """What the route needs, by the very expressions by which it is found where the path is not just its own.

        What is open is so by any method: one that is not there is no secret either.
        """
        if path in self._open:
            return None
        try:
            return self._scopes[method, path]
        except KeyError:
            found = [
                scope for regex, methods, scope in self._routes if method in methods and regex.match(path)
            ]
            return max((scope or Scope.READ for scope in found), key=list(Scope).index, default=Scope.READ)


def caller_of(connection: Mapping[str, Any]) -> Caller | None:
    """Who sent the request; None where nobody has to say."""
    caller = connection.get("watcher.caller")
    return caller if isinstance(caller, Caller) else None


def is_stranger(connection: Mapping[str, Any]) -> bool:
    """Whether the route is open in short, and who asks may not read the rest."""
    return bool(connection.get("watcher.stranger"))


OPEN_PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
"""What describes the API: it is the same everywhere, and has nothing of what is recorded."""


def scope_of(route: APIRoute) -> Scope | None:
    """What a route needs; None where it is open. Raises `TypeError` where it does not say."""
    match (route.openapi_extra or {}).get("security"):
        case []:
            return None
        case [{}, {"bearer": [_]}]:
            return None
        case [{"bearer": [scope]}]:
            return Scope(scope)
        case _:
            raise TypeError(f"{route.path} does not say which scope it needs")


def _token(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The bearer token. Raises `CredentialsMissing`, `CredentialsRefused`."""
    found = [value for name, value in headers if name == b"authorization"]
    if not found:
        raise CredentialsMissing
    scheme, _, token = found[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise CredentialsMissing
    token = token.strip(b" ")
    if len(found) > 1 or not token or len(token) > LONGEST_TOKEN or not token.isascii():
        raise CredentialsRefused("it is not a bearer token")
    return token.decode("ascii")


def install(app: FastAPI, routes: Sequence[APIRoute], callers: Callers | None) -> None:
    """Puts the gate before all that was added so far; `callers` is None where everybody may do everything."""
    for route in routes:
        scope_of(route)
    if callers is not None:
        app.add_middleware(Gate, routes=routes, callers=callers)


def describe(document: dict[str, Any], *, closed: bool) -> None:
    """Makes the document of the API say who may do what, or nothing about it where everybody may."""
    refusals = documented(401, 403)
    for operations in document["paths"].values():
        for operation in operations.values():
            if not closed:
                del operation["security"]
            elif operation["security"] and {} not in operation["security"]:
                for status in (401, 403):
                    operation["responses"].setdefault(str(status), refusals[status])
    if closed:
        document["components"]["securitySchemes"] = {
            SCHEME: {
                "type": "http",
                "scheme": "bearer",
                "description": "A key of `watcher key create`, or a token of the issuer that the settings name. "
                "The scopes are read, write and admin; each includes those before it.",
            }
        }
