"""Requests: measured all, traced those that chance chooses."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, TypeAlias

from opentelemetry.metrics import NoOpMeterProvider

from watcher.settings import Settings
from watcher.telemetry.metrics import QueueMeter, request_durations
from watcher.telemetry.program import Telemetry
from watcher.telemetry.vendor import logfire
from watcher.traced import TRACED

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Asgi: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

INGESTION = frozenset(
    {
        ("POST", "/pipeline_type"),
        ("POST", "/pipeline"),
        ("POST", "/address_type"),
        ("POST", "/address"),
        ("POST", "/address_lineage"),
        ("POST", "/start_pipeline_execution"),
        ("POST", "/end_pipeline_execution"),
        ("POST", "/pipeline_execution/bulk"),
    }
)
"""What pipelines send all day."""

METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"})


class Requests:
    """An application of FastAPI's, whose requests are measured, and traced at the rates of the settings.

    Requests that are not traced pass by all instrumentation. `queues` are those of this process, if it has any.
    """

    def __init__(
        self,
        app: Any,
        settings: Settings,
        telemetry: Telemetry,
        queues: QueueMeter | None,
    ) -> None:
        self._app = app
        self._plain: Asgi = app.build_middleware_stack()
        app.build_middleware_stack = lambda: self._plain  # the instrumented one shares all that is in it
        logfire.instrument_fastapi(app, meter_provider=NoOpMeterProvider())
        self._ingestion_rate = settings.ingestion_trace_rate
        self._rate = settings.trace_rate
        self._telemetry = telemetry
        self._queues = queues
        self._durations = request_durations()
        self._attributes: dict[tuple[str, str, int], dict[str, str | int]] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, self._closing(send) if scope["type"] == "lifespan" else send)
            return
        began, status = perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if random.random() < self._rate_of(scope):  # noqa: S311 (chooses, and hides nothing)
                await self._traced(scope, receive, answer)
            else:
                scope["app"] = self._app
                await self._plain(scope, receive, answer)
        finally:
            self._measured(scope, status, perf_counter() - began)

    def _rate_of(self, scope: Message) -> float:
        path: str = scope["path"]
        hot = (scope["method"], path.removeprefix(scope.get("root_path", ""))) in INGESTION
        return self._ingestion_rate if hot else self._rate

    async def _traced(self, scope: Message, receive: Receive, send: Send) -> None:
        """Says so in the log, too, within the trace: who has the log finds the trace."""
        began = perf_counter()

        async def told(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                milliseconds = (perf_counter() - began) * 1_000
                log.info(
                    "%s %s: %d after %.1f ms", scope["method"], scope["path"], message["status"], milliseconds
                )

        TRACED.set(True)
        await self._app(scope, receive, told)

    def _measured(self, scope: Message, status: int, seconds: float) -> None:
        route: str = getattr(scope.get("route"), "path", "")
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        key = method, route, status
        attributes = self._attributes.get(key)
        if attributes is None:
            attributes = self._attributes[key] = {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
        self._durations.record(seconds, attributes)

    def _closing(self, send: Send) -> Send:
        """What is not sent goes when the application has ended; the server waits for that."""

        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete" and self._queues is not None:
                self._queues.begin()
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                if self._queues is not None:
                    self._queues.end()
                await asyncio.to_thread(self._telemetry.close)
            await send(message)

        return sent
