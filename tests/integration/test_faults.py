"""What breaks under load: the database, the server's processes, its clients. Nothing acknowledged is lost."""

import asyncio
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import asyncpg
import httpx
import psutil
import pytest

from tests.faults.load import Load
from tests.faults.record import check
from tests.integration.clusters import Postgres
from tests.integration.conftest import TIMEOUT, Serve
from tests.integration.programs import Program, until
from tests.integration.wire import answer, problem
from tests.plain import PLAIN
from tests.server import Server, execute, fetch
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.deliveries import PostgresDeliveries
from watcher.domain.deliveries import DeliveryState, Outcome

LONGEST_503 = 2 * TIMEOUT + 2.0
"""No answer takes longer while the database does not answer: one wait behind others, one of its own."""

MESSAGE = """
WITH message AS (
    INSERT INTO alert_message (kind, severity, ending, title, text, created_at)
    VALUES ('freshness', 'warning', FALSE, 'a title', 'a text', now()) RETURNING id
)
INSERT INTO alert_delivery (message_id, channel, next_attempt_at, give_up_at)
SELECT id, 'ops', now(), now() + INTERVAL '1 day' FROM message
"""

PEACE = {200, 201, 204}


def _more(load: Load, count: int = 40) -> None:
    """Waits until so many more executions have been recorded."""
    goal = load.acknowledged() + count
    until(lambda: load.acknowledged() >= goal, 30, f"{goal} executions")


def _unavailable(load: Load) -> None:
    """Waits until a client has been told that the database is away."""
    before = load.statuses[503]
    until(lambda: load.statuses[503] > before, 15, "503")


def _survived(load: Load, dsn: str) -> None:
    assert set(load.statuses) <= PEACE | {503}, load.statuses
    assert not load.broken, load.broken
    assert load.unhinted == 0, "a 503 without Retry-After"
    assert load.slowest(503) < LONGEST_503, load.slowest(503)
    check(load, dsn)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["fast", "killed"])
def test_a_database_that_restarts_loses_nothing_acknowledged(
    server: Program, durable: Postgres, number: signal.Signals
) -> None:
    with Load(server.url) as load:
        _more(load)
        durable.end(number)
        _unavailable(load)
        ready = problem(
            httpx.get(f"{server.url}/health/ready", timeout=30, trust_env=False, verify=PLAIN), 503
        )
        assert (ready["parts"]["database"]["state"], ready["parts"]["beat"]["state"]) == ("failed", "unknown")
        assert httpx.get(f"{server.url}/health/live", timeout=30, trust_env=False, verify=PLAIN).is_success
        durable.start()
        _more(load)

    _survived(load, durable.dsn)


def test_a_frozen_database_is_waited_for_within_bounds(server: Program, durable: Postgres) -> None:
    with Load(server.url) as load:
        _more(load)
        root = durable.postmaster()
        frozen = [root, *root.children(recursive=True)]
        for process in frozen:
            process.suspend()
        try:
            _unavailable(load)
            time.sleep(LONGEST_503)
        finally:
            for process in reversed(frozen):
                process.resume()
        _more(load)

    assert load.statuses[503] >= load.threads
    _survived(load, durable.dsn)


async def _sent_while_away(durable: Postgres) -> None:
    """A message is sent; the database goes away before that is written down, and comes back a second later."""
    database = Database(durable.dsn, timeout=TIMEOUT)
    deliveries = PostgresDeliveries(database)
    claim = await deliveries.claim("ops", datetime.now(UTC))
    assert claim is not None
    await asyncio.to_thread(durable.end, signal.SIGINT)
    delivered = Outcome(DeliveryState.DELIVERED, None, datetime.now(UTC))
    recording = asyncio.create_task(deliveries.record(claim, delivered))
    await asyncio.sleep(1)
    assert not recording.done()
    await asyncio.to_thread(durable.start)
    await asyncio.wait_for(recording, 30)
    await database.close()


def test_what_was_sent_is_written_down_once_the_database_is_back(durable: Postgres) -> None:
    asyncio.run(execute(durable.dsn, MESSAGE))
    asyncio.run(_sent_while_away(durable))
    rows = asyncio.run(fetch(durable.dsn, "SELECT state, attempts FROM alert_delivery"))
    assert rows == [("delivered", 1)]


def test_a_client_that_goes_away_harms_nobody(server: Program, durable: Postgres) -> None:
    def recorded(number: int) -> tuple[int, int]:
        _gone(server, pipeline)
        body = {"pipeline_id": pipeline, "external_id": f"stays {number}"}
        identity = answer(client.post("/start_pipeline_execution", json=body), 201)["id"]
        _gone(server, pipeline)
        end = {
            "id": identity,
            "end_date": "2100-01-01T00:00:00Z",
            "completed_successfully": True,
            "inserts": number,
        }
        return identity, client.post("/end_pipeline_execution", json=end).status_code

    with server.client() as client, ThreadPoolExecutor(32) as pool:
        body = {"name": "a crowd", "pipeline_type_name": "load"}
        pipeline = client.post("/pipeline", json=body).json()["id"]
        verdicts = list(pool.map(recorded, range(300)))
        assert answer(client.get("/health/ready"), 200)

    assert {status for _, status in verdicts} == {204}
    query = "SELECT id, inserts FROM pipeline_execution WHERE pipeline_id = $1 AND external_id LIKE 'stays %'"
    rows = asyncio.run(fetch(durable.dsn, query, pipeline))
    assert sorted(map(str, rows)) == sorted(str((identity, n)) for n, (identity, _) in enumerate(verdicts))


def _gone(server: Program, pipeline: int) -> None:
    """A client that sends a start and does not stay for the answer."""
    body = b'{"pipeline_id": %d}' % pipeline
    head = b"POST /start_pipeline_execution HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + body)


def test_what_is_under_way_at_sigterm_is_finished(mortal: Program, durable: Postgres) -> None:
    with mortal.client() as client, Load(mortal.url) as load, ThreadPoolExecutor(1) as pool:
        _more(load)
        pipeline = client.post("/pipeline", json={"name": "held", "pipeline_type_name": "load"}).json()["id"]
        identity = client.post("/start_pipeline_execution", json={"pipeline_id": pipeline}).json()["id"]
        end = {"id": identity, "end_date": "2100-01-01T00:00:00Z", "completed_successfully": True}
        with closing(_Lock(durable.dsn, pipeline)):
            ending = pool.submit(client.post, "/end_pipeline_execution", json=end)
            time.sleep(0.3)
            assert not ending.done()
            mortal.process.send_signal(signal.SIGTERM)
            time.sleep(0.7)
            assert mortal.process.poll() is None
        assert ending.result(10).status_code == 204
        assert mortal.exit_code() == 0

    assert set(load.statuses) <= PEACE, load.statuses
    check(load, durable.dsn)
    assert asyncio.run(fetch(durable.dsn, "SELECT load_lineage FROM pipeline WHERE id = $1", pipeline)) == [
        (False,)
    ]


class _Lock:
    """Somebody else's lock on a pipeline, until closed."""

    def __init__(self, dsn: str, pipeline: int) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(dsn))
        self._runner.run(self._connection.execute("BEGIN"))
        self._runner.run(self._connection.execute(f"SELECT FROM pipeline WHERE id = {pipeline} FOR UPDATE"))

    def close(self) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()


def test_a_killed_worker_is_replaced(server: Program, durable: Postgres) -> None:
    with Load(server.url) as load:
        _more(load)
        victim, survivor = server.children()
        victim.kill()
        until(lambda: len(set(server.children()) - {victim, survivor}) == 1, 15, "a new worker")
        _more(load, 200)

    assert set(load.statuses) <= PEACE, load.statuses
    check(load, durable.dsn)


def test_the_workers_of_a_killed_master_free_the_port(mortal: Program, durable: Postgres) -> None:
    with Load(mortal.url, threads=2) as load:
        _more(load)
        workers = mortal.children()
        os.kill(mortal.process.pid, signal.SIGKILL)
        mortal.process.wait()
        assert psutil.wait_procs(workers, timeout=5)[1] == []

    check(load, durable.dsn)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", mortal.port))


def test_a_server_may_start_before_its_database(serve: Serve, durable: Postgres) -> None:
    durable.end(signal.SIGINT)
    try:
        with serve(durable.dsn, ready=False, database_timeout=str(TIMEOUT)) as api, api.client() as client:
            until(lambda: _live(client), 20, "an answer")
            ready = client.get("/health/ready")
            assert "database" in problem(ready, 503)["detail"]
            assert int(ready.headers["retry-after"]) >= 1
            body = {"name": "too early", "pipeline_type_name": "load"}
            problem(client.post("/pipeline", json=body), 503, "store-unavailable")
            problem(client.get("/pipeline"), 503, "store-unavailable")
            assert "answered 503 until" in api.log

            durable.start()
            api.await_ready(10)
            answer(client.post("/pipeline", json=body), 201)
    finally:
        durable.start()


def _live(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").is_success
    except httpx.TransportError:
        return False


def test_a_database_that_was_never_migrated_is_refused_at_once(serve: Serve, postgres: Server) -> None:
    with postgres.database() as dsn, serve(dsn, ready=False) as api:
        assert api.exit_code() == 1

        assert "run `watcher migrate`" in api.log
