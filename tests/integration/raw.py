"""HTTP byte by byte: what a client says on a socket, and what comes back on it."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from tests.integration.programs import Program

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def connected(api: Program) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", api.port), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def until_closed(connection: socket.socket) -> bytes:
    """All that comes; a connection that is reset is not closed."""
    received = b""
    while part := connection.recv(100_000):
        received += part
    return received


def answers(received: bytes, *, headless: int = 0) -> list[Heard]:
    """The answers in their order, each whole; of so many first ones there is only the head, as HEAD has it."""
    found: list[Heard] = []
    while received:
        head, separator, rest = received.partition(b"\r\n\r\n")
        assert separator, received
        first, *lines = head.decode().split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = 0 if len(found) < headless or status == "100" else int(headers["content-length"])
        assert len(rest) >= size, received
        found.append(Heard(int(status), headers, rest[:size]))
        received = rest[size:]
    return found


def heard(api: Program, *packets: bytes, headless: int = 0) -> list[Heard]:
    """What is answered to the packets until the server closes."""
    with connected(api) as connection:
        for packet in packets:
            connection.sendall(packet)
        return answers(until_closed(connection), headless=headless)


def request(method: str, path: str, *lines: str, body: bytes = b"", version: str = "1.1") -> bytes:
    head = [f"{method} {path} HTTP/{version}", "Host: x", *lines]
    return "\r\n".join((*head, "", "")).encode() + body


@contextmanager
def held(dsn: str, lock: str = "pipeline IN ACCESS EXCLUSIVE MODE") -> Iterator[Callable[[], None]]:
    """Nobody can read pipelines in the block, or what else the lock is of, until what it gives is called."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(dsn))
        try:
            runner.run(connection.execute("BEGIN"))
            runner.run(connection.execute(f"LOCK TABLE {lock}"))
            yield partial(_release, runner, connection)
        finally:
            runner.run(connection.close())


def _release(runner: asyncio.Runner, connection: asyncpg.Connection) -> None:
    runner.run(connection.execute("ROLLBACK"))
