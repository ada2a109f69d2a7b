"""What exporters say about an endpoint that is away: once in a while is enough."""

import logging
from time import monotonic

SILENT_SECONDS = 300.0
TALKATIVE = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.metrics._internal.export",
    "logfire",
)


class Seldom(logging.Filter):
    """Lets one record of its logger pass in five minutes."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 (whatever it says)
        now = monotonic()
        if now < self._next:
            return False
        self._next = now + SILENT_SECONDS
        return True


def seldom() -> None:
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(Seldom())
