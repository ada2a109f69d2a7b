"""A connection at its end, between two sockets of this process: it waits for the client, and not for ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from watcher.entrypoints.http import departures
from watcher.entrypoints.http.departures import Door

ANSWER = b"x" * 3_000_000


class Served(asyncio.Protocol):
    """Leaves what comes to the door."""

    def __init__(self, allowance: float) -> None:
        self.allowance = allowance
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        loop = asyncio.get_running_loop()
        self.door = Door(cast("asyncio.Transport", transport), loop, lambda: self.allowance)

    def data_received(self, data: bytes) -> None:
        self.door.ignore(len(data))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.door.gone()
        self.lost.set()


@asynccontextmanager
async def connected(allowance: float) -> AsyncIterator[tuple[Served, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    _, served = await loop.connect_accepted_socket(lambda: Served(allowance), ours)
    with theirs:
        async with asyncio.timeout(60):
            yield served, theirs
        if not served.lost.is_set():
            served.door.abort()


async def all_of(theirs: socket.socket) -> bytes:
    received = b""
    while part := await asyncio.get_running_loop().sock_recv(theirs, 100_000):
        received += part
    return received


async def test_who_reads_gets_all_of_the_last_answer() -> None:
    for allowance in (0, 30):
        async with connected(allowance) as (served, theirs):
            served.door.write(ANSWER)
            served.door.close()
            assert served.door.is_closing()
            served.door.write(b"too late")
            assert await all_of(theirs) == ANSWER


@pytest.mark.parametrize("allowance", [0, 30])
async def test_who_does_not_read_is_given_up(allowance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "STALLED_SECONDS", 0.2)
    monkeypatch.setattr(departures, "LINGERING_SECONDS", 0.2)
    async with connected(allowance) as (served, _):
        served.door.write(ANSWER)
        served.door.close()
        await served.lost.wait()


async def test_who_sends_on_is_closed_when_it_is_quiet_or_its_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(departures, "LINGERING_SECONDS", 0.2)
    loop = asyncio.get_running_loop()
    for sends, allowance in ((3, 30.0), (10_000, 1.0)):
        async with connected(allowance) as (served, theirs):
            served.door.write(b"no")
            served.door.close()
            try:
                for _ in range(sends):
                    await loop.sock_sendall(theirs, b"x")
                    await asyncio.sleep(0.01)
            except ConnectionError:
                assert allowance == 1
            await served.lost.wait()


async def test_who_sends_too_much_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "MOST_IGNORED", 1_000_000)
    loop = asyncio.get_running_loop()
    async with connected(30) as (served, theirs):
        served.door.write(b"no")
        served.door.close()
        with pytest.raises(ConnectionError):
            await loop.sock_sendall(theirs, b"x" * 2**26)
        await served.lost.wait()
