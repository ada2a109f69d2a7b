"""Requests made to be read in two ways, over real sockets."""

import json
import socket

import httpx
import pytest

from tests.integration.programs import Program
from tests.integration.test_http_limits import _connected, _last_answer, _until_closed
from tests.integration.wire import Wire, problem

SPIED = b"POST /freshness HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
TYPE = b'{"name": "load"}'
LENGTH = b"Content-Length: %d\r\n" % len(TYPE)
LAST = b"Connection: close\r\n"


def said(api: Program, *packets: bytes) -> bytes:
    """What comes back until the server closes."""
    with _connected(api) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for packet in packets:
            connection.sendall(packet)
        return _until_closed(connection)


def head(path: bytes, *lines: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + b"".join(lines) + b"\r\n"


@pytest.mark.parametrize("path", ["/pipeline_type%0A", "/pipeline%0a", "/%0A", "/docs%0A"])
def test_a_path_with_a_line_end_is_nowhere(client: httpx.Client, path: str) -> None:
    problem(client.post(path, content=b"x" * 1_000), 404)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: %d\r\n" % len(SPIED), b"Transfer-Encoding: chunked\r\n"]
)
def test_a_body_is_no_request_whatever_protocol_is_asked_for(
    wire: Wire, api: Program, framing: bytes
) -> None:
    received = said(api, head(b"/pipeline_type", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", framing), SPIED)

    status, found = _last_answer(received)
    assert status == 400
    assert "Upgrade" in found["detail"]
    assert received.count(b"HTTP/1.1 ") == 1
    assert wire.get("/pipeline_type") == []


def test_requests_that_ask_for_another_protocol_are_answered_in_this_one(api: Program) -> None:
    asking = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    received = said(api, asking + asking, b"GET / HTTP/1.1\r\nHost: x\r\n" + LAST + b"\r\n")

    assert received.count(b"HTTP/1.1 200 ") == 3


def test_what_comes_after_the_body_is_no_header(api: Program) -> None:
    chunk = b"%x\r\n" % len(TYPE) + TYPE + b"\r\n0\r\nContent-Encoding: br\r\n\r\n"
    received = said(api, head(b"/pipeline_type", LAST, b"Transfer-Encoding: chunked\r\n") + chunk)

    assert received.startswith(b"HTTP/1.1 20")


@pytest.mark.parametrize("zeros", [1, 5_000])
def test_a_length_may_begin_with_zeros(api: Program, zeros: int) -> None:
    length = b"Content-Length: " + b"0" * zeros + b"%d\r\n" % len(TYPE)
    received = said(api, head(b"/pipeline_type", LAST, length) + TYPE)

    assert received.startswith(b"HTTP/1.1 20")


def test_a_document_has_a_number_of_values(client: httpx.Client) -> None:
    many = {"name": "a", "pipeline_type_name": "load", "pipeline_metadata": {"a": [[]] * 200_000}}
    problem(client.post("/pipeline", content=json.dumps(many)), 422, "invalid-value")
