"""`/metrics` of a real server: the sum of what all of its processes count."""

import asyncio
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.broker import private_broker
from tests.integration.conftest import Serve
from tests.integration.programs import Program, free_port, until
from tests.integration.raw import held
from tests.integration.wire import Wire, answer
from tests.server import Server
from watcher.adapters.prometheus.directory import VARIABLE, numbers_kept
from watcher.domain.jobs import Job

SECONDS = 30.0
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
COUNT = "watcher_http_request_duration_seconds_count"
Numbers = dict[tuple[str, str], float]


def numbers(client: httpx.Client) -> Numbers:
    """By name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {(name, labels): float(value) for name, labels, value in SAMPLE.findall(response.text)}


def labels(method: str, route: str, status: str) -> tuple[str, str]:
    return COUNT, f'method="{method}",route="{route}",status="{status}"'


@pytest.fixture(scope="module")
def measured_database(postgres: Server, template: str) -> Iterator[str]:
    with postgres.database(template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def measured(serve: Serve, measured_database: str) -> Iterator[Program]:
    with serve(measured_database, workers="2", metrics="true") as api:
        yield api


@pytest.fixture
def wire(measured: Program, measured_database: str) -> Iterator[Wire]:
    with measured.client() as client:
        yield Wire(client, measured_database)


def requested(wire: Wire) -> None:
    """64 runs begun and 4 ended, one of another kind, and requests of which nothing comes."""
    pipeline_id = wire.pipeline()
    with ThreadPoolExecutor(16) as pool:
        runs = list(pool.map(lambda _: wire.start(pipeline_id), range(64)))
    for run in runs[:3]:
        wire.end(run)
    wire.end(runs[0])
    wire.end(runs[3], completed_successfully=False)
    wire.post("/end_pipeline_execution", {})
    record = {
        "pipeline_id": pipeline_id,
        "start_date": "2026-03-01T12:00:00Z",
        "end_date": "2026-03-01T13:00:00Z",
    }
    answer(
        wire.post("/pipeline_execution/bulk", {"executions": [record | {"completed_successfully": True}]}),
        200,
    )
    wire.client.get("/pipeline/1")
    wire.client.get(f"/pipeline/{2**62}")
    wire.client.get("/made/up")
    wire.client.request("TRACE", "/pipeline")


def test_numbers_are_those_of_all_processes_and_outlive_them(measured: Program, wire: Wire) -> None:
    requested(wire)
    found = [numbers(wire.client) for _ in range(8)]  # whichever process answers
    expected: Numbers = {
        labels("POST", "/start_pipeline_execution", "2xx"): 64,
        labels("POST", "/end_pipeline_execution", "2xx"): 5,
        labels("POST", "/end_pipeline_execution", "4xx"): 1,
        labels("GET", "/pipeline/{id}", "2xx"): 1,
        labels("GET", "/pipeline/{id}", "4xx"): 1,
        labels("GET", "other", "4xx"): 1,
        labels("other", "/pipeline", "4xx"): 1,
        ("watcher_executions_started_total", ""): 65,
        ("watcher_executions_ended_total", 'outcome="succeeded"'): 4,
        ("watcher_executions_ended_total", 'outcome="failed"'): 1,
    }
    for each in found:
        assert {key: each.get(key) for key in expected} == expected

    (killed, _) = measured.children()
    killed.kill()
    until(lambda: killed.pid not in [each.pid for each in measured.children()], SECONDS, "the end")
    until(lambda: len(measured.children()) == 2, SECONDS, "another process")
    measured.await_ready()
    later = numbers(wire.client)
    assert {key: later.get(key) for key in expected} == expected


def test_what_is_known_of_the_whole_is_told(wire: Wire) -> None:
    wire.pipeline()
    until(
        lambda: numbers(wire.client).get(("watcher_last_sweep_timestamp_seconds", ""), 0) > 0,
        SECONDS,
        "a sweep",
    )
    found = numbers(wire.client)
    assert found["watcher_database_up", ""] == 1
    assert found["watcher_pending_judgements", ""] == 0
    assert found["watcher_pool_connections", 'state="idle"'] >= 1
    jobs = {key for name, key in found if name == "watcher_job_runs_last_hour"}
    assert jobs <= {f'job="{job}"' for job in Job}
    assert jobs


DEPTH = "watcher_queue_depth", 'queue="in process"'
BUSY = "watcher_pool_connections", 'state="busy"'


def test_jobs_that_wait_and_connections_that_work_are_counted_while_they_do(
    wire: Wire, measured_database: str
) -> None:
    """Of three jobs of one kind the first waits for a lock, on a connection, and two in the queue."""
    until(lambda: numbers(wire.client)[DEPTH] == 0, SECONDS, "an empty queue")
    with held(measured_database, "timeliness_pipeline_execution_log IN SHARE MODE"):
        for minutes in (1_001, 1_002, 1_003):
            answer(wire.post("/timeliness", {"lookback_minutes": minutes}), 200)
        until(lambda: numbers(wire.client)[BUSY] >= 1, SECONDS, "a job that works")
        depth = numbers(wire.client)[DEPTH]
        assert depth in {2, 3}  # another, where the schedule has just announced the same
    until(lambda: numbers(wire.client)[DEPTH] == 0, SECONDS, "an empty queue")
    until(lambda: numbers(wire.client)[BUSY] == 0, SECONDS, "connections that rest")


def test_with_a_broker_queues_and_workers_are_those_of_the_broker(serve: Serve, fresh_database: str) -> None:
    with (
        private_broker(free_port()) as broker,
        serve(fresh_database, workers="3", metrics="true", broker_url=broker.url) as api,
        api.client() as client,
    ):
        answer(client.post("/freshness"), 200)
        depth = "watcher_queue_depth", 'queue="celery"'
        until(lambda: numbers(client)[depth] >= 1, SECONDS, "the message")
        with broker.client() as redis:
            waiting = redis.llen("celery")
        assert {numbers(client)[depth] for _ in range(10)} == {waiting}  # whoever of the three answers
        assert numbers(client)["watcher_workers", ""] == 0
        broker.kill()
        found = numbers(client)
        assert ("watcher_workers", "") not in found
        assert found["watcher_database_up", ""] == 1
        (directory,) = directories(api)
        assert directory.name.startswith("watcher-metrics-")
    assert not directory.exists()


def directories(server: Program) -> set[Path]:
    """Where its processes keep their numbers."""
    return {
        Path(mapped.path).parent
        for child in server.children()
        for mapped in child.memory_maps()
        if mapped.path.endswith(".db")
    }


def test_where_it_is_off_there_is_nothing(client: httpx.Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert "/metrics" not in answer(client.get("/openapi.json"), 200)["paths"]


def test_a_directory_that_is_named_is_emptied_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "numbers"
    monkeypatch.setenv(VARIABLE, str(named))
    named.mkdir()
    (named / "counter_1.db").write_bytes(b"of a predecessor")
    with numbers_kept(None):
        assert list(named.iterdir()) == []
        assert os.environ[VARIABLE] == str(named)
    assert named.is_dir()


def test_in_one_process_without_files_the_numbers_are_told_too(fresh_database: str) -> None:
    from pydantic import SecretStr  # noqa: PLC0415

    from watcher.container import Container, working  # noqa: PLC0415
    from watcher.settings import Settings  # noqa: PLC0415

    async def text() -> str:
        container = Container(settings=Settings(database_url=SecretStr(fresh_database), metrics=True))
        async with working(container) as watcher:
            assert await watcher.executions.start([]) == []
            return (await container.exposition().written()).decode()

    assert VARIABLE not in os.environ
    for _ in range(2):
        assert "watcher_database_up 1.0" in asyncio.run(text())
