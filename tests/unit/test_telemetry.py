"""Without somebody to send it to, telemetry is not there; logs are JSON where that is asked for."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from io import StringIO

import pytest
from pydantic import SecretStr

from watcher import traced
from watcher.settings import Settings
from watcher.telemetry.destination import ENDPOINTS, has_destination
from watcher.telemetry.logs import JsonLines

IMPORTED = """
import os, sys
import watcher.entrypoints.cli, watcher.entrypoints.server, watcher.entrypoints.up
from watcher.settings import Settings
from pydantic import SecretStr
settings = Settings(database_url=SecretStr("memory://"), broker_url={broker})
{use}
print(*sorted({{name.split(".")[0] for name in sys.modules if name.startswith(("logfire", "opentelemetry."))}}))
print(*sorted(name for name in sys.modules if name.startswith(
    ("opentelemetry.instrumentation", "opentelemetry.exporter", "opentelemetry.sdk.trace"))))
sys.stdout.flush()
os._exit(0)  # without waiting for an endpoint that is not there
"""
API = "from watcher.entrypoints.server import Server; Server(settings).load()"
WORKER = "import watcher.entrypoints.worker.program"


def imported(use: str, broker: str = "None", **variables: str) -> tuple[str, str]:
    """The packages of telemetry that a program imports, and the parts that would do something."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WATCHER_", "OTEL_", "LOGFIRE_", "PYDANTIC_"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", IMPORTED.format(use=use, broker=broker)],
        env=kept | {"PYTHONPATH": "src"} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    packages, parts = done.stdout.splitlines()
    return packages, parts


@pytest.mark.parametrize("use", [API, WORKER])
def test_without_anybody_only_the_interface_that_fastapi_and_redis_know_is_imported(use: str) -> None:
    assert imported(use) == ("opentelemetry", "")


def test_with_an_endpoint_the_api_imports_logfire() -> None:
    packages, parts = imported(API, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert packages == "logfire opentelemetry"
    assert "opentelemetry.instrumentation.asyncpg" in parts


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENDPOINTS, "LOGFIRE_TOKEN", "OTEL_SDK_DISABLED", "WATCHER_LOGFIRE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize(
    ("variables", "there"),
    [
        ({}, False),
        ({"LOGFIRE_TOKEN": "t"}, True),
        ({"WATCHER_LOGFIRE_TOKEN": "t"}, True),
        ({"LOGFIRE_TOKEN": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_there_is_somebody_to_send_to_by_a_token_or_an_endpoint(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], there: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_destination(Settings()) is there


def test_the_token_is_never_shown() -> None:
    settings = Settings(logfire_token=SecretStr("secret-of-logfire"))
    assert settings.logfire_token is not None
    assert "secret-of-logfire" not in f"{settings!r} {settings}"


@contextmanager
def logger() -> Iterator[tuple[logging.Logger, StringIO]]:
    """A logger of JSON, and what it writes."""
    text = StringIO()
    found, handler = logging.getLogger("tests.of.json"), logging.StreamHandler(text)
    handler.setFormatter(JsonLines())
    found.addHandler(handler)
    try:
        yield found, text
    finally:
        found.removeHandler(handler)


def test_a_line_is_an_object_whatever_is_said() -> None:
    with logger() as (log, text):
        log.warning("two\nlines of %s, \ud800, and 'quotes\"", "text", extra={"trace_id": "1" * 32})
        try:
            int("broken\nin two")
        except ValueError:
            log.exception("it failed")
    plain, failed = (json.loads(line) for line in text.getvalue().splitlines())
    assert plain.pop("time").endswith("+00:00")
    assert plain == {
        "level": "warning",
        "logger": "tests.of.json",
        "message": "two\nlines of text, \\ud800, and 'quotes\"",
        "trace_id": "1" * 32,
    }
    assert failed["message"] == "it failed"
    assert failed["exception"].splitlines()[-1].startswith("ValueError: invalid literal")


def test_nothing_is_carried_along_unless_it_is_traced() -> None:
    assert Context().run(traced.context) is None
    inside = Context()
    inside.run(traced.TRACED.set, True)
    carried = inside.run(traced.context)
    assert carried is not None
    assert carried[traced.TRACED] is True
