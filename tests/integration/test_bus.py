"""API, worker and beat as they are run, on a real Redis that comes and goes."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.broker import PASSWORD, Broker, private_broker
from tests.contract.world import EMPTYING
from tests.integration.conftest import Serve
from tests.integration.programs import WATCHER, Program, free_port, program, until
from tests.integration.test_http_checks import stale
from tests.integration.wire import Json, Wire, answer, problem
from tests.server import Server, execute, fetch
from watcher import bus
from watcher.adapters.bus.celery_jobs import CeleryJobs
from watcher.adapters.bus.connection import redis
from watcher.adapters.bus.redis_durations import RedisDurations
from watcher.domain.jobs import Job
from watcher.settings import Settings

SECONDS = 60.0


@pytest.fixture(scope="module")
def dsn(postgres: Server, template: str) -> Iterator[str]:
    with postgres.database(template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def api(serve: Serve, dsn: str, broker: Broker) -> Iterator[Program]:
    limits = {"queue_warning": "10", "queue_critical": "20"}
    with serve(dsn, ready=True, workers="2", broker_url=broker.url, log_level="debug", **limits) as api:
        yield api
        assert PASSWORD not in api.log


@pytest.fixture
def wire(api: Program, dsn: str, broker: Broker) -> Iterator[Wire]:
    """Speaks with a Watcher that knows nothing yet, whose Redis was wiped."""
    asyncio.run(execute(dsn, ";".join(EMPTYING)))
    with broker.client() as held, api.client() as client:
        held.flushall()
        yield Wire(client, dsn)


@pytest.fixture
def worker(api: Program, dsn: str, broker: Broker, tmp_path: Path) -> Iterator[Callable[[], Program]]:
    """Starts a worker; the API is there first."""
    assert api.url
    with ExitStack() as stack:
        workers: list[Program] = []

        def start() -> Program:
            log = tmp_path / f"worker-{len(workers)}"
            workers.append(
                stack.enter_context(
                    program(log, "worker", database_url=dsn, broker_url=broker.url, log_level="debug")
                )
            )
            return workers[-1]

        yield start
        for each in workers:
            if each.process.returncode is None:
                assert each.stopped() == 0, each.log
            assert PASSWORD not in each.log
            assert errors(each) == []


def errors(program: Program) -> list[str]:
    """What it logged as an error, but for Celery's word that the broker is gone."""
    lines = [line for line in program.log.splitlines() if " ERROR " in line]
    return [line for line in lines if "consumer: Cannot connect to redis://:**@" not in line]


def spells(wire: Wire, count: int) -> list[Json]:
    until(lambda: len(wire.get("/freshness_log")) >= count, SECONDS, f"{count} spells")
    return list(wire.get("/freshness_log"))


def health(wire: Wire) -> Json:
    return dict(answer(wire.client.post("/celery/monitor-queue"), 200))


def test_what_the_api_announces_a_worker_does_and_nobody_else(
    wire: Wire, broker: Broker, worker: Callable[[], Program]
) -> None:
    stale(wire)
    answer(wire.client.post("/freshness"), 200)
    with broker.client() as client:
        until(lambda: client.llen("celery") == 1, SECONDS, "the announcement")
    time.sleep(1.1)
    assert wire.get("/freshness_log") == []
    waiting = health(wire)
    assert waiting["queues"] == {"celery": 1, "scheduled": 0}
    assert waiting["tasks"] == {"watcher.check_freshness": 1}
    assert waiting["oldest_age_seconds"] > 1
    assert (waiting["workers"], waiting["state"]) == (0, "critical")
    worker()
    spells(wire, 1)
    until(lambda: health(wire)["in_progress"] == 0, SECONDS, "the acknowledgement")
    after = health(wire)
    assert (after["total_pending"], after["workers"], after["state"]) == (0, 1, "ok")
    assert after["oldest_age_seconds"] is None
    assert after["task_durations"]["check_freshness"]["count"] == 1
    assert after["task_durations"]["check_freshness"]["p95_seconds"] > 0


def test_a_worker_says_goodbye(wire: Wire, worker: Callable[[], Program]) -> None:
    running = worker()
    until(lambda: health(wire)["workers"] == 1, SECONDS, "the worker")
    assert running.stopped() == 0, running.log
    assert health(wire)["workers"] == 0


def test_a_backlog_is_one_spell_for_each_state(
    wire: Wire, broker: Broker, dsn: str, worker: Callable[[], Program]
) -> None:
    running = worker()
    until(lambda: health(wire)["workers"] == 1, SECONDS, "the worker")
    until(lambda: health(wire)["state"] == "ok", SECONDS, "the end of what waited for a worker")
    before = len(asyncio.run(fetch(dsn, "SELECT id FROM queue_spell")))
    tree = running.tree()
    for process in tree:
        process.suspend()
    jobs = bus.jobs(Settings(broker_url=SecretStr(broker.url)))
    assert isinstance(jobs, CeleryJobs)
    for minutes in range(5, 20):
        jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=minutes)
    until(lambda: health(wire)["total_pending"] >= 10, SECONDS, "the backlog")
    found = [health(wire) for _ in range(3)]
    assert {each["state"] for each in found} == {"warning"}
    for minutes in range(20, 35):
        jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=minutes)
    until(lambda: health(wire)["state"] == "critical", SECONDS, "the large backlog")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: health(wire), range(16)))
    assert set(health(wire)["tasks"]) == {"watcher.check_timeliness", "watcher.send_alerts"}
    for process in reversed(tree):
        process.resume()
    jobs.close()
    until(lambda: health(wire)["state"] == "ok", SECONDS, "the end of the backlog")
    rows = asyncio.run(fetch(dsn, "SELECT state, pending, opened_at < ended_at FROM queue_spell ORDER BY id"))
    states = [row[0] for row in rows[before:]]
    assert states[:2] == ["warning", "critical"]
    assert states[2:] in ([], ["warning"])  # on its way down
    assert all(row[2] for row in rows)


def test_very_long_queues_are_counted_and_only_looked_into(wire: Wire, broker: Broker) -> None:
    with broker.client() as client:
        client.rpush("celery", *(b"not a message" for _ in range(5_000)))
    found = health(wire)
    assert (found["total_pending"], found["looked_at"]) == (5_000, 1_000)
    assert found["tasks"] == {"other": 1_000}
    assert found["oldest_age_seconds"] is None


@pytest.mark.parametrize("away", ["kill", "freeze"])
def test_without_its_broker_the_api_serves_and_says_so(wire: Wire, broker: Broker, away: str) -> None:
    ready = answer(wire.client.get("/health/ready"), 200)
    assert (ready["status"], ready["parts"]["broker"]["state"]) == ("ok", "ok")
    assert "impaired" not in ready
    getattr(broker, away)()
    began = time.monotonic()
    problem(wire.client.post("/celery/monitor-queue"), 503, "broker-unavailable")
    ready = answer(wire.client.get("/health/ready"), 200)
    assert time.monotonic() - began < 6
    assert ready["status"] == "ok"
    assert "The broker is not available" in ready["impaired"][0]
    assert ready["parts"]["broker"]["state"] == "failed"
    broker.thaw() if away == "freeze" else broker.start()
    until(lambda: "impaired" not in answer(wire.client.get("/health/ready"), 200), SECONDS, "the broker")
    health(wire)


def test_while_redis_is_gone_no_request_fails_and_the_work_is_found_again(
    wire: Wire, broker: Broker, worker: Callable[[], Program], api: Program
) -> None:
    worker()
    stale(wire, "before")
    answer(wire.client.post("/freshness"), 200)
    spells(wire, 1)
    broker.kill()
    slowest, requests, until_then = 0.0, 0, time.monotonic() + 3
    stale(wire, "meanwhile")
    while time.monotonic() < until_then:
        began = time.monotonic()
        answer(wire.client.post("/freshness"), 200)
        slowest = max(slowest, time.monotonic() - began)
        requests += 1
    assert requests > 100
    assert slowest < 1.5
    assert len(wire.get("/freshness_log")) == 1
    broker.start()
    assert len(spells(wire, 2)) == 2
    assert "Announcements wait for the broker" in api.log


def test_a_worker_with_its_hands_full_notices_that_redis_was_gone(
    wire: Wire, broker: Broker, worker: Callable[[], Program]
) -> None:
    running = worker()
    until(lambda: health(wire)["workers"] == 1, SECONDS, "the worker")
    parent, *children = running.tree()
    for child in children:
        child.suspend()
    jobs = bus.jobs(Settings(broker_url=SecretStr(broker.url)))
    assert isinstance(jobs, CeleryJobs)
    for minutes in range(5, 10):
        jobs.announce(Job.CHECK_TIMELINESS, lookback_minutes=minutes)
    until(
        lambda: health(wire)["in_progress"] >= len(children), SECONDS, "a message for each of its processes"
    )
    broker.kill()
    for child in children:
        child.resume()
    until(
        lambda: (
            running.log.count("Couldn't ack") >= len(children) or "Connection to broker lost" in running.log
        ),
        SECONDS,
        "acknowledgements in vain, or the news",
    )
    broker.start()
    jobs.close()
    stale(wire)
    answer(wire.client.post("/freshness"), 200)
    spells(wire, 1)
    assert parent.is_running()


@dataclass(frozen=True)
class Ticking:
    dsn: str
    url: str
    beats: list[Program]
    since: float


@pytest.fixture(scope="module", autouse=True)
def ticking(postgres: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ticking]:
    """A worker and two beats, which have to be waited for: they begin before all other tests."""
    logs = tmp_path_factory.mktemp("beats")
    with postgres.database(template) as dsn, private_broker(free_port()) as broker, ExitStack() as stack:

        def start(name: str, *arguments: str) -> Program:
            settings = {
                "broker_url": broker.url,
                "log_level": "debug",
                "schedule_check_freshness": "* * * * *",
            }
            return stack.enter_context(
                program(logs / name, *arguments, port=None, script=WATCHER, database_url=dsn, **settings)
            )

        start("worker", "worker", "--concurrency", "3")
        yield Ticking(dsn, broker.url, [start("one", "beat"), start("two", "beat")], time.time())


def test_beats_on_one_database_tick_once(ticking: Ticking) -> None:
    ticked = "SELECT job FROM job_tick WHERE job IN ('check_freshness', 'maintain_closure', 'monitor_queues')"
    left = 60 - ticking.since % 60
    until(lambda: len(asyncio.run(fetch(ticking.dsn, ticked))) == 3, left + SECONDS, "the ticks")
    time.sleep(1)
    ticks = sum(each.log.count("Sending due task check_freshness") for each in ticking.beats)
    minutes = asyncio.run(fetch(ticking.dsn, "SELECT date_trunc('minute', tick) = tick FROM job_tick"))
    assert set(minutes) == {(True,)}
    assert ticks >= 2
    assert checks(ticking) == ticks // 2
    for each in ticking.beats:
        assert each.stopped() == 0, each.log
        assert PASSWORD not in each.log
        assert errors(each) == []


def checks(ticking: Ticking) -> int:
    async def asked() -> int:
        durations = RedisDurations(redis(ticking.url))
        try:
            return (await durations.measured(datetime.now(UTC)))[Job.CHECK_FRESHNESS].count
        finally:
            await durations.close()

    return asyncio.run(asked())
