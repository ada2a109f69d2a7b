"""How many requests one process works on at a time: whoever comes on top is refused at once, rather than all late."""

from contextlib import ExitStack
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watcher.domain.errors import Unavailable
from watcher.entrypoints.http.problems import answer_to

PROBES = "/health/"
"""Paths below are asked by who decides whether this process lives, and answered whatever else goes on."""


@dataclass(unsafe_hash=True)
class ServerIsBusy(Unavailable):
    """This process has as much to do as it may."""

    reason: str

    def __str__(self) -> str:
        return f"The server is busy: {self.reason}."


class Crowd:
    """The requests that are being worked on: a context that each of them enters."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._present = 0

    def require_room(self) -> None:
        """Raises `ServerIsBusy` when nobody else can enter."""
        if self._present >= self._limit:
            raise ServerIsBusy(f"it works on {self._limit:,} requests, as many as it may")

    def __enter__(self) -> None:
        self.require_room()
        self._present += 1

    def __exit__(self, *_: object) -> None:
        self._present -= 1


class AtMost:
    """Lets a crowd into `app`, and no more. Probes may always enter."""

    def __init__(self, app: ASGIApp, crowd: Crowd) -> None:
        self._app = app
        self._crowd = crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_probe(scope):
            await self._app(scope, receive, send)
            return
        try:
            self._crowd.require_room()
        except ServerIsBusy as refusal:
            await answer_to(refusal)(scope, receive, send)
            return
        with ExitStack() as stay:
            stay.enter_context(self._crowd)

            async def sending(message: Message) -> None:
                stay.close()  # its work is done: who does not read the answer keeps nobody out
                await send(message)

            await self._app(scope, receive, sending)


def is_probe(scope: Scope) -> bool:
    """Whether the request asks how this process is."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")).startswith(PROBES)
