"""Messages of Celery: each is sent in the trace of who announced it, and its run goes on in that trace.

Workers have Logfire's instrumentation for this. It ends the span of a message only where the task is registered,
which is in workers: who only sends has the handlers below.
"""

import threading
from typing import Any

import opentelemetry.instrumentation.celery  # noqa: F401 (before the fork, as in `program`)
from celery.signals import after_task_publish, before_task_publish, task_postrun, task_prerun
from opentelemetry.propagate import inject
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    get_tracer,
    set_span_in_context,
)

from watcher.telemetry.vendor import logfire
from watcher.traced import TRACED


class _Sending(threading.local):
    span: Span | None = None


_sending = _Sending()


def trace_sending() -> None:
    """Of a program that sends and does not work."""
    before_task_publish.connect(_begun, weak=False)
    after_task_publish.connect(_ended, weak=False)


def trace_working() -> None:
    """Of a process that does what messages ask for."""
    logfire.instrument_celery()
    task_prerun.connect(_running, weak=False)
    task_postrun.connect(_run, weak=False)


def _begun(sender: str = "", headers: dict[str, Any] | None = None, routing_key: str = "", **_: Any) -> None:
    if (unsent := _sending.span) is not None:
        unsent.set_status(Status(StatusCode.ERROR, "the broker is not available"))
        unsent.end()
    attributes = {
        "celery.action": "apply_async",
        "celery.task_name": sender,
        "messaging.destination": routing_key,
        "messaging.message.id": str((headers or {}).get("id", "")),
    }
    span = get_tracer("watcher").start_span(
        f"apply_async/{sender}", kind=SpanKind.PRODUCER, attributes=attributes
    )
    _sending.span = span
    if headers is not None and span.is_recording():
        inject(headers, set_span_in_context(span))


def _ended(**_: Any) -> None:
    span, _sending.span = _sending.span, None
    if span is not None:
        span.end()


def _running(**_: Any) -> None:
    TRACED.set(get_current_span().is_recording())


def _run(**_: Any) -> None:
    TRACED.set(False)
