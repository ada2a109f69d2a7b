"""What a server does about clients that are slow, endless, many or packed, over real sockets."""

import gzip
import json
import select
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest

from tests.integration.conftest import Serve
from tests.integration.programs import Program, until
from tests.integration.wire import END, START, Wire, answer, check_problem, problem
from tests.plain import PLAIN

HEAD_LIMIT = 8_192
BODY_LIMIT = 65_536
PATIENCE = 1.5
CONNECTIONS = 20
SECONDS = 60.0
PIPELINE = b'{"name": "orders", "pipeline_type_name": "load"}'
POST = b"POST /pipeline HTTP/1.1\r\nHost: x\r\n"
A_LOT = 1_000_000
GZIP = {"content-encoding": "gzip"}


@pytest.fixture(scope="module")
def strict(serve: Serve, database: str) -> Iterator[Program]:
    """A server of one process with little patience."""
    limits = {"head_limit": HEAD_LIMIT, "body_limit": BODY_LIMIT, "connection_limit": CONNECTIONS}
    times = {"head_timeout": PATIENCE, "body_timeout": PATIENCE}
    settings = {name: str(value) for name, value in (limits | times).items()}
    with serve(database, ready=True, workers="1", **settings) as program:
        yield program


@pytest.mark.parametrize(
    "slow",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"\r\n",
        POST + b"Content-Length: 1000\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5000\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX-Slow: ",
    ],
)
def test_who_sends_a_request_byte_by_byte_is_told_so_and_closed(strict: Program, slow: bytes) -> None:
    with _connected(strict) as connection:
        connection.sendall(slow)
        received = _dripping(connection, b"\n" if slow == b"\r\n" else b"a")

    status, found = _last_answer(received)
    assert status == 408
    check_problem(found, 408)


def test_who_says_nothing_is_closed_without_a_word(strict: Program) -> None:
    with _connected(strict) as connection:
        assert _until_closed(connection) == b""


def test_a_refused_body_that_drips_on_has_an_end(strict: Program) -> None:
    with _connected(strict) as connection:
        connection.sendall(POST + b"Content-Length: 1000000000\r\n\r\n")
        received = _dripping(connection, b"a")

    assert received.startswith(b"HTTP/1.1 413 ")


def test_a_slow_client_harms_no_quick_one_on_a_connection_that_is_kept(strict: Program) -> None:
    with _connected(strict) as connection:
        for _ in range(20):
            _require_well(connection, b"/")
            time.sleep(PATIENCE / 10)


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"x" * A_LOT + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * A_LOT + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * A_LOT,
        b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * (A_LOT // 6),
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * A_LOT,
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: x\r\n" * (A_LOT // 6),
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * A_LOT,
    ],
)
def test_a_head_or_a_trailer_without_end_is_refused(strict: Program, endless: bytes) -> None:
    with _connected(strict) as connection:
        with suppress(ConnectionError):
            connection.sendall(endless)
        status, found = _last_answer(_until_closed(connection))

    assert status == 431
    check_problem(found, 431)


def test_a_head_may_be_as_large_as_it_may(client: httpx.Client) -> None:
    assert client.get("/", headers={"x": "x" * 32_000}).status_code == 200
    problem(client.get("/", headers={"x": "x" * 33_000}), 431, "request-header-fields-too-large")


@pytest.mark.parametrize(
    "garbage",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        POST + b"Content-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_bad_request(strict: Program, garbage: bytes) -> None:
    with _connected(strict) as connection:
        connection.sendall(garbage)
        status, found = _last_answer(_until_closed(connection))

    assert status == 400
    check_problem(found, 400)


def test_connections_beyond_the_limit_are_refused_but_for_probes(strict: Program) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(_connected(strict)) for _ in range(CONNECTIONS + 5)]
        for connection in held:  # each of them is served, or refused, when it asks
            _require_well(connection, b"/health/live")
        held[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        received = _until_closed(held[-1])

    status, found = _last_answer(received)
    assert status == 503
    check_problem(found, 503)
    assert b"retry-after: 1" in received.lower()
    until(
        lambda: httpx.get(f"{strict.url}/", trust_env=False, verify=PLAIN).is_success,
        SECONDS,
        "they are served again",
    )


@pytest.mark.parametrize(
    "encode", [gzip.compress, lambda plain: gzip.compress(plain[:9]) + gzip.compress(plain[9:])]
)
@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip"])
def test_a_body_may_come_as_gzip(wire: Wire, encode: Callable[[bytes], bytes], name: str) -> None:
    response = wire.client.post("/pipeline", content=encode(PIPELINE), headers={"content-encoding": name})

    assert answer(response, 201)["id"] == 1
    assert [row["name"] for row in wire.get("/pipeline")] == ["orders"]


def test_ten_thousand_runs_may_come_as_gzip_in_parts(wire: Wire) -> None:
    run = {
        "pipeline_id": wire.pipeline(),
        "start_date": START,
        "end_date": END,
        "completed_successfully": True,
    }
    packed = gzip.compress(json.dumps({"executions": [run] * 10_000}).encode())
    parts = (packed[index : index + 100] for index in range(0, len(packed), 100))

    found = answer(wire.client.post("/pipeline_execution/bulk", content=parts, headers=GZIP), 200)

    assert len(found["results"]) == 10_000
    assert len(wire.get("/pipeline_execution", limit=10_000)) == 10_000


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        PIPELINE,
        zlib.compress(PIPELINE),
        gzip.compress(PIPELINE)[:-1],
        gzip.compress(PIPELINE)[:-8] + b"\0" * 8,
        gzip.compress(PIPELINE) + b"more",
        gzip.compress(b"") * 101 + gzip.compress(PIPELINE),
    ],
)
def test_a_gzip_that_is_none_is_refused(wire: Wire, broken: bytes) -> None:
    problem(wire.client.post("/pipeline", content=broken, headers=GZIP), 422, "content-is-not-gzip")

    assert wire.get("/pipeline") == []


@pytest.mark.parametrize("name", ["br", "deflate", "zstd", "gzip, gzip", "gzip;q=1", "aes128gcm"])
def test_another_encoding_is_refused(client: httpx.Client, name: str) -> None:
    response = client.post("/pipeline", content=PIPELINE, headers={"content-encoding": name})

    problem(response, 415, "unsupported-media-type")
    assert response.headers["accept-encoding"] == "gzip"


def test_an_encoding_may_be_none(client: httpx.Client) -> None:
    answer(client.post("/pipeline", content=PIPELINE, headers={"content-encoding": "identity"}), 201)


def test_a_gzip_is_as_large_as_what_it_holds(strict: Program) -> None:
    bomb = gzip.compress(b" " * 100 * BODY_LIMIT)
    assert len(bomb) < BODY_LIMIT
    with strict.client() as client:
        problem(client.post("/pipeline", content=bomb, headers=GZIP), 413)
        fitting = gzip.compress(b" " * BODY_LIMIT)
        problem(client.post("/pipeline", content=fitting, headers=GZIP), 422, "invalid-request")
        problem(client.post("/pipeline", content=gzip.compress(b" " * (BODY_LIMIT + 1)), headers=GZIP), 413)


def test_answers_tell_browsers_to_make_nothing_of_them(client: httpx.Client) -> None:
    for response in (client.get("/"), client.get("/nothing"), client.post("/pipeline", content=b"")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_may_load_what_shows_it(client: httpx.Client, path: str) -> None:
    page = client.get(path)

    policy = dict(each.split(maxsplit=1) for each in page.headers["content-security-policy"].split("; "))
    assert "<script" in page.text
    assert policy["script-src"] == "'unsafe-inline' https:"
    assert policy["default-src"] == "'none'"


@contextmanager
def _connected(api: Program) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", api.port), timeout=SECONDS) as connection:
        yield connection


def _require_well(connection: socket.socket, path: bytes) -> None:
    connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    received = b""
    while not received.endswith(b"}"):
        part = connection.recv(10_000)
        assert part, "it is closed"
        received += part
    assert received.startswith(b"HTTP/1.1 200 ")


def _dripping(connection: socket.socket, drop: bytes) -> bytes:
    """What the server says to a client that goes on sending a little, until it closes."""
    received, deadline = b"", time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            connection.sendall(drop)
        except OSError:
            return received + _until_closed(connection)
        if select.select([connection], [], [], PATIENCE / 8)[0]:
            try:
                part = connection.recv(100_000)
            except ConnectionError:
                return received
            if not part:
                return received
            received += part
    raise AssertionError(f"it never closed, but said {received!r}")


def _until_closed(connection: socket.socket) -> bytes:
    received = b""
    try:
        while part := connection.recv(100_000):
            received += part
    except ConnectionError:
        pass
    return received


def _last_answer(received: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = received[received.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json\r\n" in head.lower()
    assert b"\r\nconnection: close\r\n" in head.lower()
    assert b"\r\nx-content-type-options: nosniff\r\n" in head.lower()
    return int(head.split()[1]), json.loads(body)
