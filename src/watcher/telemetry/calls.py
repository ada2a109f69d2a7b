"""Calls of others over the network: alerts that go to channels, keys of an issuer.

Spans never have an URL, which may be a secret.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from opentelemetry.trace import Status, StatusCode, Tracer, get_tracer

from watcher.domain.alert_channels import Channel
from watcher.domain.deliveries import Message, Notifier
from watcher.domain.errors import WatcherError
from watcher.domain.issuer import Issuer

T = TypeVar("T")


class TracedNotifier:
    """`Notifier` that sends by another; each message to a channel is a span."""

    def __init__(self, notifier: Notifier, tracer: Tracer | None = None) -> None:
        self._notifier = notifier
        self._tracer = tracer or get_tracer("watcher")

    @property
    def channels(self) -> Sequence[Channel]:
        return self._notifier.channels

    async def send(self, channel: str, message: Message) -> str | None:
        kinds = {each.name: each.url.partition(":")[0] for each in self.channels}
        attributes = {"watcher.channel": channel, "watcher.channel.kind": kinds.get(channel, "")}
        with self._tracer.start_as_current_span("send/alert", attributes=attributes) as span:
            error = await self._notifier.send(channel, message)
            span.set_attribute("watcher.outcome", error or "delivered")
            if error is not None:
                span.set_status(Status(StatusCode.ERROR, error))
            return error


def traced_read(
    read: Callable[[Issuer], Awaitable[T]], tracer: Tracer | None = None
) -> Callable[[Issuer], Awaitable[T]]:
    """What reads the keys of an issuer, each time as a span."""
    used = tracer or get_tracer("watcher")

    async def traced(issuer: Issuer) -> T:
        with used.start_as_current_span("read/issuer_keys", record_exception=False) as span:
            try:
                keys = await read(issuer)
            except WatcherError as error:
                span.set_attribute("watcher.outcome", str(error))
                raise
            span.set_attribute("watcher.outcome", "read")
            return keys

    return traced
