"""Whether there is anybody to send telemetry to."""

import os

from watcher.settings import Settings

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)


def has_destination(settings: Settings) -> bool:
    """Whether a Logfire token is set, or an OTLP endpoint by the variables of OpenTelemetry."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return settings.logfire_token is not None or any(os.environ.get(name) for name in ENDPOINTS)
