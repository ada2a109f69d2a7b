"""Requests that are sent before the answers to others: each gets its answer, in order, whatever comes after it."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.conftest import Serve
from tests.integration.programs import Program
from tests.integration.raw import Heard, answers, connected, heard, held, request, until_closed

SLOW = request("GET", "/pipeline")
QUICK = request("GET", "/")
NOWHERE = request("GET", "/nowhere")
LAST = request("GET", "/", "Connection: close")
MANY = 1_000
MOST_TAKEN = 100 * 2**20
STALLED = 20
LITTLE_TAKEN = 2 * 2**20
"""By a connection, besides its answers."""
CHUNKED = request("POST", "/pipeline_type", "Transfer-Encoding: chunked")
BROKEN = {
    "no head": (b"\x00\r\n\r\n", 400),
    "a head": (request("GET", "/", "X: " + "x" * 70_000), 431),
    "a body": (CHUNKED + b"z\r\n", 400),
    "a body that has begun": (CHUNKED + b"1\r\n{\r\nz\r\n", 400),
    "a target": (request("CONNECT", "x:443"), 400),
}


@pytest.fixture(scope="module")
def impatient(serve: Serve, database: str) -> Iterator[Program]:
    with serve(database, workers="1", head_timeout="1.5", body_timeout="1.5") as program:
        yield program


def statuses(found: list[Heard]) -> list[int]:
    return [each.status for each in found]


def is_silent(connection: socket.socket, seconds: float = 0.3) -> bool:
    return not select.select([connection], [], [], seconds)[0]


def memory(api: Program) -> int:
    return sum(process.memory_info().rss for process in api.children())


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_request_is_refused_after_those_before_it_are_answered(
    watcher_url: str, api: Program, database: str, broken: str
) -> None:
    assert watcher_url
    sent, refusal = BROKEN[broken]
    with connected(api) as connection:
        with held(database) as release:
            connection.sendall(SLOW + QUICK + NOWHERE + sent)
            assert is_silent(connection)
            release()
        found = answers(until_closed(connection))

    assert statuses(found) == [200, 200, 404, refusal]
    assert [each.json for each in found[:2]] == [[], {"status": "ok"}]
    assert found[-1].headers["connection"] == "close"
    assert "RuntimeError" not in api.log


def test_a_broken_request_on_a_quiet_connection_is_refused_at_once(api: Program) -> None:
    for sent, refusal in BROKEN.values():
        assert statuses(heard(api, QUICK + sent)) == [200, refusal]


@pytest.mark.parametrize("slow", [b"GET / HTTP/1.1\r\nX-Slow: ", CHUNKED + b"5\r\n"])
def test_a_request_that_does_not_arrive_is_given_up_after_those_before_it_are_answered(
    watcher_url: str, impatient: Program, database: str, slow: bytes
) -> None:
    assert watcher_url
    with connected(impatient) as connection:
        with held(database) as release:
            connection.sendall(SLOW + slow)
            assert is_silent(connection, 2)
            release()
        found = answers(until_closed(connection))

    assert statuses(found) == [200, 408]


def test_after_the_last_that_is_answered_nothing_is_told(
    watcher_url: str, api: Program, database: str
) -> None:
    """`Connection: close` ends the connection; whatever is sent behind it is not looked at."""
    assert watcher_url
    with connected(api) as connection:
        with held(database) as release:
            connection.sendall(request("GET", "/pipeline", "Connection: close") + QUICK + b"\x00\r\n\r\n")
            assert is_silent(connection)
            release()
        assert statuses(answers(until_closed(connection))) == [200]


def test_who_is_gone_before_the_answers_harms_nobody(watcher_url: str, api: Program, database: str) -> None:
    assert watcher_url
    with held(database) as release:
        for _ in range(5):
            with connected(api) as connection:
                connection.sendall(SLOW + QUICK + b"\x00\r\n\r\n")
                assert is_silent(connection, 0.05)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        release()
    assert statuses(heard(api, SLOW + LAST)) == [200, 200]
    assert "Traceback" not in api.log


def test_a_thousand_requests_at_once_are_answered_in_order(api: Program) -> None:
    found = heard(api, (QUICK + NOWHERE) * (MANY // 2) + LAST)

    assert statuses(found) == [200, 404] * (MANY // 2) + [200]


def test_thousands_that_ask_for_another_protocol_are_answered_in_this_one(api: Program) -> None:
    asking = request("GET", "/", "Connection: Upgrade", "Upgrade: h2c")

    found = heard(api, asking * 3 * MANY + LAST)

    assert statuses(found) == [200] * (3 * MANY + 1)


def test_no_more_is_read_than_waits_already(api: Program) -> None:
    """Whoever asks a lot and reads nothing fills the buffers of the network, and not the memory of the server."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", api.port))
        connection.setblocking(False)
        before = memory(api)
        sent, some = 0, QUICK * 10_000
        while select.select([], [connection], [], 1)[1]:
            sent += connection.send(some[sent % len(some) :])
            assert memory(api) - before < MOST_TAKEN


def test_requests_that_wait_take_little_more_than_their_bytes(api: Program) -> None:
    """A read brings ten thousand of them, of which each would be a hundred times what it was."""
    stalling = request("GET", "/openapi.json") * 60
    with ExitStack() as stack:
        before = memory(api)
        for _ in range(STALLED):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", api.port))
            connection.setblocking(False)
            connection.send(stalling + b"GET / HTTP/1.1\r\nHost:\r\n\r\n" * 9_000)
        assert heard(api, LAST)[0].status == 200
        assert memory(api) - before < STALLED * LITTLE_TAKEN


def test_who_has_asked_all_may_close_its_side(watcher_url: str, api: Program, database: str) -> None:
    assert watcher_url
    with connected(api) as connection:
        with held(database) as release:
            connection.sendall(SLOW + QUICK)
            connection.shutdown(socket.SHUT_WR)
            assert is_silent(connection)
            release()
        assert statuses(answers(until_closed(connection))) == [200, 200]


def test_who_breaks_off_a_request_is_answered_those_before_it(api: Program) -> None:
    for part in (b"GET /", request("POST", "/pipeline_type", "Content-Length: 9") + b"{"):
        with connected(api) as connection:
            connection.sendall(QUICK + part)
            connection.shutdown(socket.SHUT_WR)
            assert statuses(answers(until_closed(connection))) == [200]
