"""HEAD, wherever there is a GET: balancers ask by it."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Headless:
    """Lets `app` answer HEAD as the GET that it is but for the body (RFC 9110, 9.3.2), which the server leaves away.

    So it takes the same key, counts towards the same limits, and has the same status and headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send)
        finally:
            if "route" in asked:  # for those who measure
                scope["route"] = asked["route"]
