"""Telemetry of one process: from the configuration to the bounded end."""

import atexit
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future
from importlib.metadata import version
from threading import Thread
from typing import Any, TypeVar

import opentelemetry.instrumentation.asyncpg  # here, so that it is done before a worker forks
import opentelemetry.instrumentation.httpx
import opentelemetry.instrumentation.redis  # noqa: F401 (the same)
from opentelemetry import trace

from watcher.settings import Settings
from watcher.telemetry.sampling import Heads
from watcher.telemetry.seldom import seldom
from watcher.telemetry.vendor import logfire

log = logging.getLogger(__name__)

CLOSING_SECONDS = 1.0
"""For what is not sent yet when the program ends; an endpoint that is dead must not hold it up."""

Answer = TypeVar("Answer")


class Telemetry:
    """Traces, metrics, and trace ids in logs, from here on. One for each process, begun after its fork."""

    def __init__(self, settings: Settings, service: str) -> None:
        """`service` is the name of the program, unless `OTEL_SERVICE_NAME` says another."""
        seldom()
        # As a daemon: a thread of Logfire's that asks whether the token is good would hold up the end.
        _as_daemon(lambda: _configure(settings, service)).result()
        logfire.instrument_asyncpg()
        logfire.instrument_redis()
        logfire.instrument_httpx()
        _number_records()
        self.closing = False

    def close(self) -> None:
        """Sends what there is, as far as that is done soon."""
        if self.closing:
            return
        self.closing = True
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        try:
            _as_daemon(lambda: logfire.shutdown(int(CLOSING_SECONDS * 1_000))).result(CLOSING_SECONDS)
        except TimeoutError:
            log.warning("Some telemetry is lost: its endpoint does not answer")
        config = logfire.DEFAULT_LOGFIRE_INSTANCE.config
        for provider in (
            config.get_tracer_provider().provider,
            config.get_meter_provider().provider,
            config.get_logger_provider().provider,
        ):
            if (shutdown := getattr(provider, "shutdown", None)) is not None:
                atexit.unregister(shutdown)  # it would wait for the endpoint once more


def _configure(settings: Settings, service: str) -> None:
    token = settings.logfire_token
    logfire.configure(
        send_to_logfire=token is not None,
        token=None if token is None else token.get_secret_value(),
        service_name=os.environ.get("OTEL_SERVICE_NAME") or service,
        service_version=version("watcher-etl"),
        console=False,
        inspect_arguments=False,
        distributed_tracing=True,
        add_baggage_to_attributes=False,
        sampling=logfire.SamplingOptions(head=Heads(settings.trace_rate)),
        metrics=logfire.MetricsOptions(views=logfire.MetricsOptions.DEFAULT_VIEWS[:1]),
    )


def _number_records() -> None:
    """Log records carry the trace that they were made in."""
    make = logging.getLogRecordFactory()

    def numbered(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            record.trace_id = trace.format_trace_id(span.trace_id)
            record.span_id = trace.format_span_id(span.span_id)
        return record

    logging.setLogRecordFactory(numbered)


def _as_daemon(call: Callable[[], Answer]) -> "Future[Answer]":
    """The answer to come from a thread that nobody waits for at exit, nor for those that it begins."""
    future: Future[Answer] = Future()

    def called() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 (for who asks for the result)
            future.set_exception(error)

    Thread(target=called, name="watcher-telemetry", daemon=True).start()
    return future
