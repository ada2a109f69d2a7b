"""Who sees how every request is answered."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watcher.domain.error_rates import Source, Tallies
from watcher.domain.measures import Measures

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
OTHER = "other"
"""A path or a method that there is not: clients must not be able to make up labels."""

FAILURE = 500


class Observed:
    """Counts what `app` answers, and measures it where somebody wants to know.

    A client that left before there was an answer is not counted.
    """

    def __init__(self, app: ASGIApp, tally: Tallies, measures: Measures | None) -> None:
        self._app, self._tally, self._measures = app, tally, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            status = status or FAILURE
            raise
        finally:
            if status:
                self._tally.count(Source.REQUESTS, failed=status >= FAILURE)
            if status and self._measures is not None:
                self._measures.answered(_method(scope), _route(scope), status, perf_counter() - began)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else OTHER


def _route(scope: Scope) -> str:
    """The template of the path, which the router, or the lane of bodies, left in the scope."""
    return str(getattr(scope.get("route"), "path", OTHER))
