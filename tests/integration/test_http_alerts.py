"""Alerts from end to end: checks of a real server, real receivers, and the record of what was sent."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import Serve
from tests.integration.programs import free_port, until
from tests.integration.receivers import MailServer, WebServer, listening, silent
from tests.integration.test_http_checks import ago, check_freshness, stale
from tests.integration.wire import Json, Wire, answer, problem
from tests.server import execute, fetch

SCHEMES = "json,mailto"
SECRET = "t0ken-in-path"  # noqa: S105  it opens nothing
SENDER = """
import asyncio, sys
from watcher.container import Container, closing
from watcher.settings import Settings

async def send():
    async with closing(Container(settings=Settings())) as watcher:
        for _ in range(3):
            await watcher.send_alerts()

asyncio.run(send())
"""

SPELL = """
INSERT INTO pipeline_type (name, name_key, created_at) VALUES ('load', sha256('load'), '2026-01-01')
ON CONFLICT DO NOTHING;
WITH new AS (
    INSERT INTO pipeline (
        name, name_key, declaration, pipeline_type_id, created_at, freshness_number, freshness_datepart
    )
    SELECT '{name}', sha256('{name}'), '', min(id), '2026-01-01', 1, 'hour' FROM pipeline_type
    RETURNING id
)
INSERT INTO freshness_pipeline_log (
    pipeline_id, detected_at, due_at, threshold_number, threshold_datepart, threshold_own
)
SELECT id, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 1, 'hour', TRUE FROM new
"""


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    with listening(server):
        yield server


@contextmanager
def sender(
    dsn: str, channels: str, *, waits: bool = True, timeout: int = 10
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that makes three passes."""
    environment = {
        "WATCHER_DATABASE_URL": dsn,
        "WATCHER_ALERT_CHANNELS": channels,
        "WATCHER_ALERT_SCHEMES": SCHEMES,
        "WATCHER_ALERT_TIMEOUT": str(timeout),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "src",
    }
    process = subprocess.Popen([sys.executable, "-c", SENDER], env=environment, stderr=subprocess.PIPE)
    try:
        yield process
        if waits:
            _, said = process.communicate(timeout=60)
            assert (process.returncode, said) == (0, b"")
    finally:
        process.kill()
        process.communicate()


def until_rows(dsn: str, query: str, count: int) -> None:
    until(lambda: len(asyncio.run(fetch(dsn, query))) == count, 30, query)


def begin_alerting(dsn: str) -> None:
    asyncio.run(execute(dsn, "UPDATE alert_upkeep SET activated_at = '2026-01-01'"))


def spell(dsn: str, *names: str) -> None:
    """A spell of stale data of each pipeline, found just now; a check would agree."""
    asyncio.run(execute(dsn, *(SPELL.format(name=name) for name in names)))


def test_a_server_tells_what_its_checks_find_and_that_it_is_over(
    serve: Serve, fresh_database: str, web: WebServer
) -> None:
    mail = MailServer()
    channels = f"""
        name=hook severity>=warning url={web.url(SECRET)}
        name=mail url={mail.url()}
        name=dead url=json://127.0.0.1:{free_port()}
    """
    with (
        listening(mail),
        serve(
            fresh_database, workers="2", alert_channels=channels, alert_schemes=SCHEMES, log_level="debug"
        ) as api,
        api.client() as client,
    ):
        wire = Wire(client, fresh_database)
        identity = stale(wire)
        stale(wire, "second")
        check_freshness(wire)
        until(lambda: web.titles(SECRET) == ["2 pipelines are stale"], 20, "the beginning is told")
        until(lambda: len(mail.mails) == 1, 20, "the mail arrives")
        wire.end(wire.start(identity, start_date=ago(minutes=1)), end_date=ago(minutes=0), inserts=1)
        check_freshness(wire)
        until(lambda: len(web.titles(SECRET)) == 2, 20, "the end is told")
        until(lambda: len(mail.mails) == 2, 20, "the end is told by mail")
        assert web.titles(SECRET)[1] == "orders is no longer stale"
        second, first = wire.get("/alert")
        assert [row["pipeline_name"] for row in wire.get("/alert", open="true")] == [second["pipeline_name"]]
        until(
            lambda: len(wire.get("/alert_delivery", state="delivered")) == 4,
            20,
            "all deliveries are recorded",
        )
        failing = wire.get("/alert_delivery", channel="dead")
        assert [(row["state"], row["last_error"]) for row in failing] == [
            ("failed", "the connection was refused")
        ]
        everything = f"{wire.get('/alert')}{wire.get('/alert_delivery')}{api.log}"
    assert first["ended_at"] is not None
    assert SECRET not in everything
    assert SECRET not in dumped(fresh_database)


def dumped(dsn: str) -> str:
    """All rows that have to do with alerts, as text."""
    tables = ("alert", "alert_message", "alert_delivery", "alert_upkeep")
    return "".join(str(asyncio.run(fetch(dsn, f"SELECT t::TEXT FROM {table} AS t"))) for table in tables)  # noqa: S608


def test_a_channel_that_answers_500_gets_the_message_when_it_recovers(
    fresh_database: str, web: WebServer
) -> None:
    web.answers = [500]
    begin_alerting(fresh_database)
    spell(fresh_database, "orders")
    with sender(fresh_database, f"name=a url={web.url()}"):
        pass
    assert len(web.posted) == 1
    asyncio.run(execute(fresh_database, "UPDATE alert_delivery SET next_attempt_at = CURRENT_TIMESTAMP"))
    with sender(fresh_database, f"name=a url={web.url()}"):
        pass
    assert [body["message"].splitlines()[-1] for _, body in web.posted] == ["Watcher message 1"] * 2
    ((state, attempts),) = asyncio.run(fetch(fresh_database, "SELECT state, attempts FROM alert_delivery"))
    assert (state, attempts) == ("delivered", 2)


def test_a_channel_that_hangs_holds_no_other_up(fresh_database: str, web: WebServer) -> None:
    begin_alerting(fresh_database)
    spell(fresh_database, "orders")
    with silent() as port:
        channels = f"name=a url=json://127.0.0.1:{port} name=b url={web.url()}"
        with sender(fresh_database, channels, waits=False, timeout=60):
            until(lambda: len(web.posted) == 1, 30, "the other channel gets it")
            until_rows(fresh_database, "SELECT FROM alert_delivery WHERE state = 'delivered'", 1)
            pending = asyncio.run(
                fetch(fresh_database, "SELECT state FROM alert_delivery WHERE channel = 'a'")
            )
            assert pending == [("pending",)]


def test_four_senders_send_each_message_once(fresh_database: str, web: WebServer) -> None:
    web.delay = 0.05
    begin_alerting(fresh_database)
    names = [f"pipeline {number}" for number in range(200)]
    spell(fresh_database, *names)
    channels = " ".join(f"name=c{number} url={web.url(f'c{number}')}" for number in range(8))
    with (
        sender(fresh_database, channels),
        sender(fresh_database, channels),
        sender(fresh_database, channels),
        sender(fresh_database, channels),
    ):
        pass
    assert sorted(path for path, _ in web.posted) == [f"/c{number}" for number in range(8)]
    assert {body["title"] for _, body in web.posted} == {"200 pipelines are stale"}


def test_a_sender_killed_while_it_sends_has_one_delivery_repeated(
    fresh_database: str, web: WebServer
) -> None:
    begin_alerting(fresh_database)
    spell(fresh_database, "orders")
    channels = f"name=a url={web.url('a')} name=b url={web.url('b')}"
    web.delay = 2.0
    with sender(fresh_database, channels, waits=False) as process:
        until(lambda: len(web.posted) == 2, 20, "both are being sent")
        process.send_signal(signal.SIGKILL)
        process.wait()
    web.delay = 0.0
    with sender(fresh_database, channels):
        pass
    assert len(web.posted) == 2, "nobody takes it before the lease is over"
    asyncio.run(
        execute(
            fresh_database,
            "UPDATE alert_delivery SET next_attempt_at = next_attempt_at - INTERVAL '2 minutes'",
        )
    )
    with sender(fresh_database, channels), sender(fresh_database, channels):
        pass
    assert sorted(path for path, _ in web.posted) == ["/a", "/a", "/b", "/b"]
    assert {body["message"].splitlines()[-1] for _, body in web.posted} == {"Watcher message 1"}
    states = asyncio.run(fetch(fresh_database, "SELECT state FROM alert_delivery"))
    assert states == [("delivered",), ("delivered",)]


@pytest.mark.parametrize("path", ["/alert", "/alert_delivery"])
@pytest.mark.parametrize("query", ["limit=0", "after=x"])
def test_a_bad_question_is_refused(wire: Wire, path: str, query: str) -> None:
    found = problem(wire.client.get(f"{path}?{query}"), 422, "invalid-request")
    assert found["errors"][0]["loc"] == ["query", query.partition("=")[0]]


@pytest.mark.parametrize(
    "query", ["alert?kind=x", "alert?open=x", "alert_delivery?state=sent", "alert_delivery?channel=%00"]
)
def test_a_filter_that_cannot_be_is_refused(wire: Wire, query: str) -> None:
    problem(wire.client.get(f"/{query}"), 422, "invalid-request")


def test_lists_are_read_in_pages(wire: Wire) -> None:
    begin_alerting(wire.dsn)
    with listening(server := WebServer()):
        for number in range(3):
            spell(wire.dsn, f"pipeline {number}")
            with sender(wire.dsn, f"name=a url={server.url()}"):
                pass
    for path in ("/alert", "/alert_delivery"):
        response = wire.client.get(path, params={"limit": 2})
        rows: list[Json] = answer(response, 200)
        rows += answer(wire.client.get(response.links["next"]["url"]), 200)
        assert [row["id"] for row in rows] == [3, 2, 1]


def alerts_test(tmp_path: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {f"WATCHER_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "watcher", "alerts", "test"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path("src").resolve())} | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_says_of_each_channel_what_happened(tmp_path: Path, web: WebServer) -> None:
    channels = (
        f"name=hook severity>=critical url={web.url(SECRET)} name=dead url=json://127.0.0.1:{free_port()}"
    )
    done = alerts_test(tmp_path, alert_channels=channels, alert_schemes=SCHEMES)
    assert done.stdout.splitlines() == [
        "hook: delivered",
        "dead: not delivered, the connection was refused",
    ]
    assert (done.returncode, web.titles(SECRET)) == (1, ["A test from Watcher"])
    assert SECRET not in done.stdout + done.stderr
    assert (
        alerts_test(
            tmp_path, alert_channels=channels.partition(" name=dead")[0], alert_schemes=SCHEMES
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        ("", "there is no channel"),
        (f"name=a url=json://127.0.0.1/{SECRET}", "the scheme of its url is not allowed"),
        (f"name=a url=slack://{SECRET}", "its url is not one that Apprise can use"),
        (f"name=a severity>=loud url=jsons://{SECRET}", "its severity is none of info, warning, critical"),
    ],
)
def test_bad_channels_are_refused_in_a_sentence(tmp_path: Path, channels: str, said: str) -> None:
    done = alerts_test(tmp_path, alert_channels=channels)
    told = " ".join(done.stderr.split())
    assert said in told
    assert "WATCHER_ALERT_CHANNELS" in told
    assert (done.returncode, SECRET in told, "Traceback" in told) == (1, False, False)
