"""Requests made to be read in two ways, over real sockets."""

import json
import socket

import httpx
import pytest

from tests.integration.conftest import Serve
from tests.integration.keys import created
from tests.integration.programs import Program
from tests.integration.raw import answers, connected, heard, request, until_closed
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


@pytest.mark.parametrize("site", ["http://watcher.example", "https://u@watcher.example:8443", "HTTP://[::1]"])
def test_a_target_with_a_host_is_served_by_its_path(wire: Wire, api: Program, site: str) -> None:
    found = heard(
        api,
        request("GET", site),
        request("GET", f"{site}?x=1"),
        request("GET", f"{site}/pipeline_type?limit=0"),
        request("POST", f"{site}/pipeline_type", f"Content-Length: {len(TYPE)}", body=TYPE),
        request("GET", f"{site}/nowhere"),
        request("GET", f"{site}/pipeline_type", "Connection: close"),
    )

    assert [each.status for each in found] == [200, 200, 422, 201, 404, 200]
    assert [each["name"] for each in found[-1].json] == ["load"]
    assert wire.get("/pipeline_type") == found[-1].json


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("CONNECT", "watcher.example:443"),
        ("CONNECT", "http://watcher.example/"),
        ("GET", "ftp://watcher.example/"),
        ("GET", "file:///etc/passwd"),
        ("GET", "watcher.example:80"),
        ("GET", "pipeline"),
        ("GET", "?x"),
        ("GET", "http://"),
        ("GET", "http:///pipeline"),
        ("GET", "http://x:99999/"),
        ("GET", "\\pipeline"),
    ],
)
def test_a_target_that_is_nowhere_is_a_bad_request(api: Program, method: str, target: str) -> None:
    (found,) = heard(api, request(method, target))

    assert found.status == 400
    assert found.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "HEAD", "POST"])
def test_the_server_as_a_whole_is_no_target(api: Program, method: str) -> None:
    found, other = heard(
        api, request(method, "*"), request("GET", "/", "Connection: close"), headless=method == "HEAD"
    )

    assert (found.status, other.status) == (404, 200)


def test_a_target_with_a_host_takes_the_same_key(serve: Serve, database: str) -> None:
    key = created(database, "read")
    asked = [("GET", "/pipeline"), ("POST", "/pipeline"), ("POST", "/freshness"), ("HEAD", "/pipeline")]
    with serve(database, authentication="keys", rate_limit="100", workers="1") as api:
        for lines, status in ([], {401}), ([f"Authorization: Bearer {key}"], {200, 403}):
            for method, path in asked:
                (found,) = heard(
                    api,
                    request(method, f"http://x{path}", "Connection: close", *lines),
                    headless=method == "HEAD",
                )
                assert found.status in status
        (stranger,) = heard(api, request("GET", "http://x/health/ready", "Connection: close"))
        assert stranger.status == 200
        assert stranger.json["parts"]["migrations"]["detail"] is None
        assert "ratelimit" not in stranger.headers


DOUBTFUL = {
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": request("GET", "/", "host: y"),
    "a length and chunks": request(
        "POST", "/pipeline_type", "Content-Length: 3", "Transfer-Encoding: chunked"
    ),
    "chunks and a length": request(
        "POST", "/pipeline_type", "Transfer-Encoding: chunked", "Content-Length: 3"
    ),
    "two lengths": request("POST", "/pipeline_type", "Content-Length: 3", "Content-Length: 3"),
    "lengths in a list": request("POST", "/pipeline_type", "Content-Length: 3, 3"),
    "a length with a sign": request("POST", "/pipeline_type", "Content-Length: +3"),
    "a length in hexadecimal": request("POST", "/pipeline_type", "Content-Length: 0x3"),
    "no length": request("POST", "/pipeline_type", "Content-Length: "),
    "another coding": request("POST", "/freshness", "Transfer-Encoding: gzip"),
    "two codings": request("POST", "/pipeline_type", "Transfer-Encoding: gzip, chunked"),
    "a coding twice": request("POST", "/pipeline_type", "Transfer-Encoding: chunked, chunked"),
    "codings in two lines": request(
        "POST", "/pipeline_type", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"
    ),
    "a coding with a tab": request("POST", "/pipeline_type", "Transfer-Encoding: \x0bchunked"),
    "a blank before the colon": request("POST", "/pipeline_type", "Transfer-Encoding : chunked"),
    "a folded line": request("GET", "/", "X: y\r\n z"),
    "a folded coding": request("POST", "/pipeline_type", "Transfer-Encoding:\r\n chunked"),
    "a line without a name": request("GET", "/", ": x"),
    "a line without a colon": request("GET", "/", "nonsense"),
    "nothing in a name": request("GET", "/", "X\0: y"),
    "nothing in a value": request("GET", "/", "X: y\0z"),
    "a bare line end": b"GET / HTTP/1.1\nHost: x\n\n",
    "a bare line end in the head": request("GET", "/", "X: y\nTransfer-Encoding: chunked"),
    "a bare return": request("GET", "/", "X: y\rTransfer-Encoding: chunked"),
    "a method in lower case": request("get", "/"),
    "a method that there is not": request("FETCH", "/"),
    "a long method": request("G" * 100_000, "/"),
    "a nothing in the path": request("GET", "/\0"),
    "a blank in the path": request("GET", "/a b"),
    "what is not ASCII in the path": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "chunks in signs": request("POST", "/pipeline_type", "Transfer-Encoding: chunked", body=b"-1\r\n"),
    "chunks without sense": request("POST", "/pipeline_type", "Transfer-Encoding: chunked", body=b"0x1\r\n"),
    "chunks larger than any": request(
        "POST", "/pipeline_type", "Transfer-Encoding: chunked", body=b"f" * 17 + b"\r\n"
    ),
    "chunks with bare ends": request(
        "POST", "/pipeline_type", "Transfer-Encoding: chunked", body=b"1\n{\r\n0\r\n\r\n"
    ),
    "chunks that are longer than they are": request(
        "POST", "/pipeline_type", "Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("sent", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_others_could_read_in_another_way_is_refused_and_nothing_behind_it_is_read(
    wire: Wire, api: Program, sent: bytes
) -> None:
    spied = request("POST", "/pipeline_type", f"Content-Length: {len(TYPE)}", body=TYPE)

    (found,) = heard(api, sent + spied)

    assert found.status == 400
    assert found.headers["connection"] == "close"
    assert wire.get("/pipeline_type") == []


@pytest.mark.parametrize("first", [b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"GET /\r\n\r\n"])
def test_another_version_is_not_spoken(api: Program, first: bytes) -> None:
    (found,) = heard(api, first + request("GET", "/"))

    assert found.status == 505


def test_a_client_of_yesterday_is_answered_and_closed(api: Program) -> None:
    yesterday = b"GET / HTTP/1.0\r\n\r\n"
    for lines in ("", "Connection: keep-alive\r\n"):
        (found,) = heard(api, yesterday.replace(b"\r\n\r\n", f"\r\n{lines}\r\n".encode()) + yesterday)
        assert (found.status, found.headers["connection"]) == (200, "close")


def test_a_body_may_come_in_many_tiny_chunks(wire: Wire, api: Program) -> None:
    text = TYPE + b" " * 100_000
    chunks = b"".join(b"1\r\n%c\r\n" % letter for letter in text) + b"0\r\n\r\n"
    (found,) = heard(
        api,
        request("POST", "/pipeline_type", "Transfer-Encoding: chunked", LAST.decode().strip(), body=chunks),
    )

    assert found.status == 201
    assert [each["name"] for each in wire.get("/pipeline_type")] == ["load"]


@pytest.mark.parametrize(
    ("path", "lines", "told"),
    [
        ("/pipeline_type", [], [100, 201]),
        ("/nowhere", [], [404]),
        ("/pipeline_type", ["Content-Type: text/plain"], [415]),
    ],
)
def test_who_waits_with_the_body_is_told_whether_to_send_it(
    wire: Wire, api: Program, path: str, lines: list[str], told: list[int]
) -> None:
    assert wire.get("/pipeline_type") == []
    head = request(
        "POST", path, "Expect: 100-continue", f"Content-Length: {len(TYPE)}", "Connection: close", *lines
    )
    with connected(api) as connection:
        connection.sendall(head)
        received = connection.recv(100_000)
        if answers(received)[0].status == 100:
            connection.sendall(TYPE)
        found = answers(received + until_closed(connection))

    assert [each.status for each in found] == told
