"""Refusals that come before a body was sent: whoever goes on sending it gets to read them."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.integration.conftest import Serve
from tests.integration.keys import bearing, created
from tests.integration.programs import Program, until
from tests.integration.raw import Heard, answers, connected, heard, request, until_closed
from watcher.entrypoints.http.departures import LINGERING_SECONDS

MEBIBYTE = 2**20
SIZE = 6 * MEBIBYTE
PARTS = 64
CONNECTIONS = 10
LENGTH = f"Content-Length: {SIZE}"
TYPE = "Content-Type: application/json"
CLOSING = "Connection: close"


@pytest.fixture(scope="module")
def guarded(serve: Serve, database: str) -> Iterator[tuple[Program, str]]:
    """A server that wants a key, takes little, and from each caller a request a minute; and a key that may write."""
    limits = {"body_limit": str(MEBIBYTE), "rate_limit": "0.01", "rate_burst": "2", "workers": "1"}
    with serve(
        database, authentication="keys", ready=True, connection_limit=str(CONNECTIONS), **limits
    ) as program:
        yield program, created(database, "write")


def sent_slowly(connection: socket.socket, size: int = SIZE, seconds: float = 0.8) -> None:
    """As a client does that reads nothing before it has sent all."""
    part = b" " * (size // PARTS)
    for _ in range(PARTS):
        connection.sendall(part)
        time.sleep(seconds / PARTS)


def refused(
    api: Program, *lines: str, chunked: bool = False, path: str = "/pipeline", seconds: float = 0.8
) -> Heard:
    """The answer to a large body that is sent to its end, whatever is answered meanwhile."""
    framing = "Transfer-Encoding: chunked" if chunked else LENGTH
    with connected(api) as connection:
        connection.sendall(request("POST", path, framing, *lines))
        if chunked:
            connection.sendall(b"%x\r\n" % SIZE)
        sent_slowly(connection, seconds=seconds)
        if chunked:
            connection.sendall(b"\r\n0\r\n\r\n")
        if CLOSING not in lines:
            connection.sendall(request("GET", "/health/live", CLOSING))
        received = until_closed(connection)
    first, *others = answers(received)
    assert [other.status for other in others] == ([] if CLOSING in lines else [200])
    return first


@pytest.mark.parametrize("closing", [(), (CLOSING,)], ids=["kept", "closed"])
@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
def test_a_refusal_is_read_by_who_sends_on(
    guarded: tuple[Program, str], closing: tuple[str, ...], chunked: bool
) -> None:
    api, _ = guarded

    found = refused(api, *closing, chunked=chunked, seconds=2 * LINGERING_SECONDS if closing else 0.8)

    assert (found.status, found.json["type"]) == (401, "credentials-missing")
    assert ("connection" in found.headers) == bool(closing)


@pytest.mark.parametrize(
    ("status", "lines"),
    [(413, [TYPE]), (415, ["Content-Type: text/plain"]), (415, ["Content-Encoding: br"])],
)
def test_what_the_application_refuses_is_read_too(api: Program, status: int, lines: list[str]) -> None:
    size = 40 * MEBIBYTE if status == 413 else SIZE
    with connected(api) as connection:
        connection.sendall(request("POST", "/pipeline", f"Content-Length: {size}", CLOSING, *lines))
        sent_slowly(connection, size)
        received = until_closed(connection)

    (found,) = answers(received)
    assert found.json["status"] == found.status == status


def test_a_caller_without_a_scope_or_with_too_many_requests_reads_why(guarded: tuple[Program, str]) -> None:
    api, key = guarded
    (authorization,) = (f"{name}: {value}" for name, value in bearing(key).items())
    asking = request("POST", "/pipeline", authorization, CLOSING, "Content-Length: 0")
    until(lambda: heard(api, asking)[0].status == 429, 60, "the rate is used up")

    assert refused(api, CLOSING, authorization).status == 429
    assert refused(api, CLOSING, authorization, path="/freshness").status == 403


def test_who_sends_for_ever_is_closed(guarded: tuple[Program, str]) -> None:
    """By then the answer is there; who does not read it before it has sent more than there is to send, may miss it."""
    api, _ = guarded
    with connected(api) as connection:
        connection.sendall(request("POST", "/pipeline", "Content-Length: 1000000000", CLOSING))
        sent, part = 0, b" " * MEBIBYTE
        with suppress(ConnectionError):
            while sent < 900 * MEBIBYTE:
                connection.sendall(part)
                sent += MEBIBYTE

    assert sent < 300 * MEBIBYTE


def test_who_lingers_counts_as_a_connection(guarded: tuple[Program, str]) -> None:
    api, _ = guarded

    def one_is_too_many() -> bool:
        with ExitStack() as stack:
            for _ in range(CONNECTIONS):
                connection = stack.enter_context(connected(api))
                connection.sendall(request("POST", "/pipeline", LENGTH, CLOSING))
                if connection.recv(100_000).startswith(b"HTTP/1.1 503"):
                    return True
            return heard(api, request("GET", "/", CLOSING))[0].status == 503

    until(one_is_too_many, 60, "those that linger are too many")
    until(lambda: heard(api, request("GET", "/", CLOSING))[0].status != 503, 60, "they are served again")
