"""Calls of others as spans: which channel, of what kind, with what outcome, and never an URL."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

from tests.unit.test_token_claims import ISSUER
from watcher.adapters.memory.notifier import MemoryNotifier
from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.deliveries import Message
from watcher.domain.errors import StoreUnavailable
from watcher.domain.issuer import Issuer
from watcher.telemetry.calls import TracedNotifier, traced_read

SECRET = "secret-path"  # noqa: S105 (of no channel that there is)
OPS = Channel("ops", Severity.INFO, f"slack://{SECRET}@host/{SECRET}")
MESSAGE = Message(id=1, severity=Severity.INFO, ending=False, title="Stale", text="- orders")


class Recorded:
    """A tracer, and what it recorded."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer: Tracer = provider.get_tracer("tests")

    def only(self) -> ReadableSpan:
        (span,) = self._kept.get_finished_spans()
        assert SECRET not in span.to_json()
        return span


@pytest.mark.parametrize("error", [None, "it answered HTTP 500"])
async def test_a_message_to_a_channel_is_a_span_with_its_outcome(error: str | None) -> None:
    recorded, inner = Recorded(), MemoryNotifier([OPS])
    if error is not None:
        inner.down["ops"] = error
    notifier = TracedNotifier(inner, recorded.tracer)
    assert notifier.channels == [OPS]
    assert await notifier.send("ops", MESSAGE) == error
    assert inner.arrived == ([("ops", MESSAGE)] if error is None else [])
    span = recorded.only()
    assert span.name == "send/alert"
    assert dict(span.attributes or {}) == {
        "watcher.channel": "ops",
        "watcher.channel.kind": "slack",
        "watcher.outcome": error or "delivered",
    }
    assert (span.status.status_code is StatusCode.ERROR) is (error is not None)


async def test_each_reading_of_the_keys_of_an_issuer_is_a_span() -> None:
    async def read(issuer: Issuer) -> str:
        return issuer.audience

    recorded = Recorded()
    assert await traced_read(read, recorded.tracer)(ISSUER) == ISSUER.audience
    span = recorded.only()
    assert (span.name, dict(span.attributes or {})) == ("read/issuer_keys", {"watcher.outcome": "read"})


async def test_a_reading_that_fails_is_a_span_that_says_why() -> None:
    async def read(_: Issuer) -> str:
        raise StoreUnavailable("it sleeps")

    recorded = Recorded()
    with pytest.raises(StoreUnavailable):
        await traced_read(read, recorded.tracer)(ISSUER)
    span = recorded.only()
    assert span.status.status_code is StatusCode.ERROR
    assert "it sleeps" in str((span.attributes or {})["watcher.outcome"])
    assert span.events == ()
