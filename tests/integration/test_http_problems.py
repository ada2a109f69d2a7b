"""What HTTP itself can be wrong about: paths, methods, content types, sizes; and the service's own routes."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.programs import Program
from tests.integration.wire import Wire, answer, problem
from watcher.entrypoints.http.secured import PLAIN

MEBIBYTE = 2**20
BODY_LIMIT = 16 * MEBIBYTE
WITH_BODY = [
    ("POST", "/pipeline"),
    ("PATCH", "/pipeline"),
    ("POST", "/pipeline_type"),
    ("PATCH", "/pipeline_type"),
    ("POST", "/start_pipeline_execution"),
    ("POST", "/end_pipeline_execution"),
    ("POST", "/pipeline_execution/bulk"),
]
METHODS = {
    "/": "GET, HEAD",
    "/health/live": "GET, HEAD",
    "/health/ready": "GET, HEAD",
    "/pipeline": "GET, HEAD, PATCH, POST",
    "/pipeline/1": "GET, HEAD",
    "/pipeline_type": "GET, HEAD, PATCH, POST",
    "/pipeline_type/1": "GET, HEAD",
    "/pipeline_execution": "GET, HEAD",
    "/pipeline_execution/1": "GET, HEAD",
    "/pipeline_execution/bulk": "POST",
    "/start_pipeline_execution": "POST",
    "/end_pipeline_execution": "POST",
}
PIPELINE = b'{"name": "orders", "pipeline_type_name": "load"}'


@pytest.mark.parametrize("path", ["/", "/health/live"])
def test_the_service_says_that_it_is_well(client: httpx.Client, path: str) -> None:
    assert answer(client.get(path), 200) == {"status": "ok"}


def test_the_service_says_how_each_part_of_it_is(client: httpx.Client) -> None:
    ready = answer(client.get("/health/ready"), 200)
    states = {name: part["state"] for name, part in ready["parts"].items()}
    assert ready["status"] == "ok"
    assert {name: states.pop(name) for name in ("database", "migrations", "broker")} == {
        "database": "ok", "migrations": "ok", "broker": "none",
    }  # fmt: skip
    assert states.keys() == {"beat", "sweep"}
    assert set(states.values()) <= {"ok", "waiting", "late"}  # the minute in which it is asked decides


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/pipeline/", "/pipelines", "/Pipeline", "/pipeline/1/2", "//pipeline", "/%00", "/%ff"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_no_path_is_not_found(client: httpx.Client, method: str, path: str) -> None:
    found = problem(
        client.request(method, client.base_url.copy_with(raw_path=path.encode())), 404, "not-found"
    )

    assert found.keys() == {"type", "title", "status", "detail"}


@pytest.mark.parametrize(("path", "allowed"), METHODS.items())
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_a_path_does_not_have_is_refused(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    if method in allowed:
        return

    response = client.request(method, path)

    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize("path", [*METHODS, "/openapi.json", "/nothing", "/pipeline_execution?limit=x"])
def test_a_head_is_a_get_without_its_body(client: httpx.Client, path: str) -> None:
    head, get = client.head(path), client.get(path)

    assert head.content == b""
    assert head.status_code == get.status_code
    assert (get.status_code == 405) == ("GET" not in METHODS.get(path, "GET"))
    for header in ("content-type", "content-length", "allow"):
        assert head.headers.get(header) == get.headers.get(header)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", "", "json", "é"],
)
def test_what_is_not_json_by_its_own_account_is_refused(
    wire: Wire, method: str, path: str, kind: str
) -> None:
    before = wire.fingerprint()

    headers = {b"content-type": kind.encode("latin-1")}
    problem(
        wire.client.request(method, path, content=PIPELINE, headers=headers), 415, "unsupported-media-type"
    )

    assert wire.fingerprint() == before


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.watcher+json", None]
)
def test_json_may_be_called_what_json_is_called(client: httpx.Client, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}

    answer(client.post("/pipeline", content=PIPELINE, headers=headers), 201)


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_too_large_is_refused_by_its_length(wire: Wire, method: str, path: str) -> None:
    before = wire.fingerprint()

    problem(wire.client.request(method, path, content=b" " * (BODY_LIMIT + 1)), 413)
    problem(wire.client.request(method, path, content=b" " * BODY_LIMIT), 422, "invalid-request")

    assert wire.fingerprint() == before


def test_a_body_too_large_is_refused_before_it_is_sent(api: Program) -> None:
    with _connected(api) as connection:
        connection.sendall(b"POST /pipeline HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n")

        assert connection.recv(1_000).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_too_large_is_refused(wire: Wire) -> None:
    before = wire.fingerprint()

    def chunks() -> Iterator[bytes]:
        yield PIPELINE
        for _ in range(20):
            yield b" " * MEBIBYTE

    problem(wire.client.post("/pipeline", content=chunks()), 413)

    assert wire.fingerprint() == before


def test_a_chunked_body_is_read_whole(client: httpx.Client) -> None:
    parts = (PIPELINE[index : index + 1] for index in range(len(PIPELINE)))

    answer(client.post("/pipeline", content=parts), 201)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GARBAGE\r\n\r\n",
        b"POST /pipeline HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
        b"POST /pipeline HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"POST /pipeline HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        b"GET /pipeline?" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
def test_who_breaks_off_or_stammers_harms_nobody(wire: Wire, api: Program, sent: bytes) -> None:
    before = wire.fingerprint()

    for _ in range(5):
        with _connected(api) as connection:
            connection.sendall(sent)

    assert answer(wire.client.get("/health/ready"), 200)["status"] == "ok"
    assert wire.fingerprint() == before
    assert "Traceback" not in api.log


def test_the_server_does_not_say_what_it_is_made_of(client: httpx.Client) -> None:
    response = client.get("/")

    assert "server" not in response.headers
    assert set(response.headers) - {name.decode() for name, _ in PLAIN} <= {
        "date",
        "content-type",
        "content-length",
    }


@contextmanager
def _connected(api: Program) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        yield connection
