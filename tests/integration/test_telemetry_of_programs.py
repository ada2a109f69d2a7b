"""Telemetry of `watcher up` and of a beat: traces, logs in JSON, and an end that no endpoint delays for long."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.broker import PASSWORD, Broker, private_broker
from tests.faults.clocks import obstacle, set_by, told_by
from tests.integration.collector import Collector, collector
from tests.integration.programs import Program, free_port, program, until
from tests.integration.test_telemetry import (
    LONGEST_DELAY,
    OFTEN,
    SECONDS,
    Deaf,
    delayed,
    in_line,
    least,
    lines,
    traces,
)
from tests.integration.wire import Wire

MINUTE_SECONDS = 90.0


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


@pytest.fixture
def data() -> Iterator[Path]:
    """Where PostgreSQL may live that root starts as another user."""
    with tempfile.TemporaryDirectory(
        prefix="watcher-up-", dir="/tmp", ignore_cleanup_errors=True
    ) as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Collects from all programs of the test."""
    monkeypatch.delenv("LOGFIRE_TOKEN", raising=False)
    for name, value in OFTEN.items():
        monkeypatch.setenv(name, value)
    with collector() as collecting:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collecting.url)
        yield collecting


def is_up(running: Program) -> None:
    until(lambda: "Watcher is up" in running.log, 60, "Watcher is up")
    running.await_ready(60)


def test_a_request_to_watcher_up_is_one_trace_to_the_end_of_its_job(data: Path, otlp: Collector) -> None:
    with program(
        data / "log",
        "up",
        "--workers",
        "1",
        data_dir=f"{data / 'data'}",
        log_format="json",
        ingestion_trace_rate="1",
    ) as up:
        is_up(up)
        with up.client() as client:
            Wire(client, "").flows("orders", ["orders"], ["orders_clean"])
        until(lambda: otlp.named("POST /address_lineage") != [], SECONDS, "the request")
        (request,) = otlp.named("POST /address_lineage")

        def jobs() -> list[str]:
            """Of the trace; there are others, which the schedule began."""
            spans = otlp.named("run/maintain_closure", "watcher-up")
            return [span.parent for span in spans if span.trace == request.trace]

        until(lambda: jobs() != [], SECONDS, "the job")
        assert set(jobs()) == {request.identity}  # it may go on with what another left to it
        until(lambda: request.trace in traces(up), SECONDS, "a line of the log")
        until(
            lambda: (
                otlp.metric("watcher.job.duration", "watcher-up", {"watcher.job": "maintain_closure"}) != []
            ),
            SECONDS,
            "the duration of the job",
        )
        assert up.stopped() == 0, up.log
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines(up))
    assert "Watcher has stopped" in lines(up)[-1]["message"]


def test_a_tick_of_a_beat_is_one_trace_through_the_broker_to_the_end_of_its_job(
    fresh_database: str, broker: Broker, otlp: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"database_url": fresh_database, "broker_url": broker.url, "log_format": "json"}
    with program(tmp_path / "worker", "worker", port=None, worker_concurrency="1", **settings) as worker:
        until(lambda: " ready." in worker.log, 60, "the worker")
        clock = tmp_path / "clock"
        set_by(clock, 0)
        if obstacle() is None:  # then nobody has to wait for the next minute
            monkeypatch.setenv("LD_PRELOAD", told_by(clock)["LD_PRELOAD"])
        with program(
            tmp_path / "beat", "beat", port=None, faults_clock=f"{clock}", log_level="debug", **settings
        ) as beat:
            until(lambda: "beat: Waking up" in beat.log, 60, "the beat")
            set_by(clock, 60 - datetime.now(UTC).second)
            until(
                lambda: otlp.named("run/watcher.monitor_queues", "watcher-worker") != [],
                MINUTE_SECONDS,
                "the job",
            )
            until(
                lambda: otlp.named("apply_async/watcher.monitor_queues", "watcher-beat") != [],
                SECONDS,
                "the tick",
            )
            assert in_line(otlp, "run/watcher.monitor_queues") == [
                ("watcher-worker", "run/watcher.monitor_queues"),
                ("watcher-beat", "apply_async/watcher.monitor_queues"),
            ]
            (job,) = otlp.named("run/watcher.monitor_queues")
            (tick,) = otlp.named("apply_async/watcher.monitor_queues")
            assert (job.trace, job.parent) == (tick.trace, tick.identity)
            until(lambda: job.trace in traces(worker), SECONDS, "a line of the log of the worker")
            assert beat.stopped() == 0, beat.log
    assert any("Sending due task monitor_queues" in line["message"] for line in lines(beat))
    assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines(beat))
    assert PASSWORD not in beat.log


def test_a_dead_endpoint_delays_the_end_of_up_and_beat_by_two_seconds_at_most(
    data: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOGFIRE_TOKEN", raising=False)

    def delays(attempt: int) -> list[float]:
        return _delays(data / f"{attempt}", broker, monkeypatch)

    assert max(least(delays)) < LONGEST_DELAY


def _delays(directory: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    directory.mkdir(mode=0o755)
    deaf = Deaf()
    endpoints = {"none": "", "dead": f"http://127.0.0.1:{free_port()}", "deaf": deaf.url}
    with ExitStack() as stack:
        stack.callback(deaf.close)
        ups, beats = {}, {}
        for name, url in endpoints.items():
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            if name != "dead":  # that is for API, worker and beat alike, and begins another PostgreSQL
                ups[name] = stack.enter_context(
                    program(
                        directory / f"up-{name}",
                        "up",
                        "--workers",
                        "1",
                        data_dir=f"{directory / name}",
                        ingestion_trace_rate="1",
                    )
                )
            beats[name] = stack.enter_context(
                program(directory / f"beat-{name}", "beat", broker_url=broker.url, log_level="info")
            )
        for up in ups.values():
            is_up(up)
            with up.client() as client:
                Wire(client, "").pipeline("orders")
        for name in endpoints:
            until(lambda log=beats[name]: "beat: Starting" in log.log, 60, "the beat")  # type: ignore[misc]
        return [delayed(programs) for programs in (ups, beats)]
