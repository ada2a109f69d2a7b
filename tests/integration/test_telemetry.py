"""Traces, metrics and logs of API, worker and beat as they are run, at a collector of the tests' own."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.broker import PASSWORD, Broker
from tests.integration.collector import Collector, Span, collector
from tests.integration.conftest import Serve
from tests.integration.programs import Program, free_port, program, until
from tests.integration.wire import Json, Wire
from tests.server import Server

SECONDS = 30.0
LONGEST_DELAY = 2.0
ATTEMPTS = 3
TOKEN = "secret-of-logfire"  # noqa: S105 (of a server that lives as long as a test)
OFTEN = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "500"}


@pytest.fixture(scope="module")
def dsn(postgres: Server, template: str) -> Iterator[str]:
    with postgres.database(template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def otlp() -> Iterator[Collector]:
    """Collects from all programs that are started within the test."""
    with collector() as collecting:
        yield collecting


@pytest.fixture(scope="module")
def cloud() -> Iterator[Collector]:
    """What stands for Logfire's own."""
    with collector() as collecting:
        yield collecting


@pytest.fixture
def environment(otlp: Collector, cloud: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OFTEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=tests")
    monkeypatch.setenv("LOGFIRE_TOKEN", TOKEN)
    monkeypatch.setenv("LOGFIRE_BASE_URL", cloud.url)


def lines(program: Program) -> list[Json]:
    """The log, each line of which is JSON, but for what Celery says on standard output when it is told to stop."""
    written = program.log.replace("\nworker: Warm shutdown (MainProcess)\n", "")
    return [json.loads(line) for line in written.splitlines()]


@pytest.mark.usefixtures("environment")
def test_a_request_is_one_trace_from_its_head_through_the_broker_to_the_end_of_its_job(  # noqa: PLR0917
    serve: Serve, dsn: str, broker: Broker, otlp: Collector, cloud: Collector, tmp_path: Path
) -> None:
    url = broker.url
    with (
        serve(dsn, workers="1", broker_url=url, log_format="json", ingestion_trace_rate="1") as api,
        program(
            tmp_path / "worker",
            "worker",
            database_url=dsn,
            broker_url=url,
            log_format="json",
            worker_concurrency="1",
        ) as worker,
        program(tmp_path / "beat", "beat", broker_url=url, log_format="json") as beat,
        api.client() as client,
    ):
        wire = Wire(client, dsn)
        wire.flows("orders", ["orders"], ["orders_clean"])
        until(lambda: otlp.named("POST /address_lineage") != [], SECONDS, "the request")
        (request,) = otlp.named("POST /address_lineage")
        until(lambda: steps(otlp, request.trace) == STEPS, SECONDS, "the whole trace")
        assert in_line(otlp, "run/watcher.maintain_closure") == [
            ("watcher-worker", "run/watcher.maintain_closure"),
            ("watcher-api", "apply_async/watcher.maintain_closure"),
            ("watcher-api", "POST /address_lineage"),
        ]
        for running in (api, worker):
            until(lambda log=running: request.trace in traces(log), SECONDS, "a line of the log")  # type: ignore[misc]
        measured(otlp)
        assert otlp.sent_headers["x-tenant"] == "tests"
        until(lambda: steps(cloud, request.trace) == STEPS, SECONDS, "the whole trace at Logfire")
        assert cloud.sent_headers["authorization"] == TOKEN
        assert {name for name in SERVICES if otlp.metric("watcher.queue.messages", name, {})} == {
            "watcher-beat"
        }
        assert (worker.stopped(), beat.stopped()) == (0, 0)
    assert lines(api)[0]["logger"] == "gunicorn.error"
    for running in (api, worker, beat):
        assert_in_json_without_secrets(running)


def assert_in_json_without_secrets(running: Program) -> None:
    assert PASSWORD not in running.log
    assert TOKEN not in running.log
    assert {line["level"] for line in lines(running)} <= {"info", "warning"}
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines(running))


SERVICES = ("watcher-api", "watcher-worker", "watcher-beat")
STEPS = {
    "watcher-api SQL",
    "watcher-api LPUSH",
    "watcher-api POST /address_lineage",
    "watcher-api apply_async/watcher.maintain_closure",
    "watcher-worker run/watcher.maintain_closure",
    "watcher-worker SQL",
}


def steps(otlp: Collector, trace: str) -> set[str]:
    """What of the trace was collected, as far as it is among `STEPS`."""
    found = {f"{span.service} {span.name}" for span in otlp.of_trace(trace)}
    found |= {
        f"{span.service} SQL"
        for span in otlp.of_trace(trace)
        if span.attributes.get("db.system") == "postgresql" and "db.statement" in span.attributes
    }
    return found & STEPS


def in_line(otlp: Collector, name: str) -> list[tuple[str, str]]:
    """The span of this name, the one that it is part of, and so on."""
    by_identity = {span.identity: span for span in otlp.spans}
    span: Span | None = otlp.named(name)[0]
    found = []
    while span is not None:
        found.append((span.service, span.name))
        span = by_identity.get(span.parent)
    return found


def traces(program: Program) -> set[str]:
    return {line["trace_id"] for line in lines(program) if "trace_id" in line}


def measured(otlp: Collector) -> None:
    """Waits for all that is to be measured."""
    for service, metric, attributes in [
        ("watcher-api", "http.server.request.duration", {"http.route": "/address_lineage"}),
        ("watcher-beat", "watcher.queue.messages", {"watcher.queue": "celery"}),
        ("watcher-api", "db.client.connection.count", {"db.client.connection.state": "idle"}),
        ("watcher-api", "db.client.connection.max", {}),
        ("watcher-worker", "watcher.job.duration", {"watcher.job": "maintain_closure"}),
        ("watcher-worker", "db.client.connection.count", {"db.client.connection.state": "idle"}),
    ]:
        until(lambda: otlp.metric(metric, service, attributes) != [], SECONDS, f"{metric} of {service}")  # noqa: B023
    counted = otlp.metric("http.server.request.duration", "watcher-api", {"http.route": "/address_lineage"})
    assert {point.value for point in counted} == {1}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "LOGFIRE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class Deaf:
    """An endpoint that takes connections and never answers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def endpoints() -> Iterator[dict[str, str]]:
    """What the programs of the test are told: of no endpoint, of none that is there, of one that never answers."""
    deaf = Deaf()
    yield {"none": "", "dead": f"http://127.0.0.1:{free_port()}", "deaf": deaf.url}
    deaf.close()


@pytest.mark.usefixtures("quiet")
def test_a_dead_endpoint_delays_the_end_of_api_and_worker_by_two_seconds_at_most(
    endpoints: dict[str, str], dsn: str, broker: Broker, tmp_path: Path
) -> None:
    def delays(attempt: int) -> list[float]:
        return _delays(endpoints, dsn, broker, tmp_path / f"{attempt}")

    assert max(least(delays)) < LONGEST_DELAY


def least(delays: Callable[[int], Sequence[float]]) -> Sequence[float]:
    """The least of each delay: what the rest of the machine adds is not there each time, what an endpoint adds is."""
    found = delays(0)
    for attempt in range(1, ATTEMPTS):
        if max(found) < LONGEST_DELAY:
            break
        found = [min(pair) for pair in zip(found, delays(attempt), strict=True)]
    return found


def delayed(programs: Mapping[str, Program]) -> float:
    """By how many seconds those with an endpoint that is away end later than the one without."""
    seconds = {name: ending(running) for name, running in programs.items()}
    for running in programs.values():
        assert "Traceback" not in running.log, running.log
    return max(seconds.values()) - seconds["none"]


def _delays(endpoints: dict[str, str], dsn: str, broker: Broker, directory: Path) -> list[float]:
    directory.mkdir()
    with ExitStack() as stack:
        apis, workers = {}, {}
        for name, url in endpoints.items():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
                apis[name] = stack.enter_context(
                    program(
                        directory / f"api-{name}",
                        "api",
                        database_url=dsn,
                        workers="1",
                        ingestion_trace_rate="1",
                    )
                )
                workers[name] = stack.enter_context(
                    program(
                        directory / f"worker-{name}",
                        "worker",
                        database_url=dsn,
                        broker_url=broker.url,
                        worker_concurrency="1",
                    )
                )
        for name in endpoints:
            apis[name].await_ready(60)
            with apis[name].client() as client:
                Wire(client, dsn).pipeline("orders")
            until(lambda log=workers[name]: " ready." in log.log, 60, "the worker")  # type: ignore[misc]
        return [delayed(programs) for programs in (apis, workers)]


def ending(running: Program) -> float:
    """How long it takes to end in order."""
    began = time.monotonic()
    assert running.stopped() == 0, running.log
    return time.monotonic() - began
