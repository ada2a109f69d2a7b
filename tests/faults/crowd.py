"""Connections that speak HTTP as badly as one wants, thousands of them in one thread."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

CHUNK = 1 << 16
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """None as the status where the connection was cut off instead."""

    status: int | None
    seconds: float
    head: bytes = b""
    body: bytes = b""

    @property
    def hinted(self) -> bool:
        return b"retry-after:" in self.head.lower()

    def content(self) -> Any:
        return json.loads(self.body)


class Connection:
    """To a port of this machine, to be closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        """Tries again while nobody answers."""
        for _ in range(100):
            with suppress(OSError):
                return cls(*await asyncio.open_connection("127.0.0.1", port))
            await asyncio.sleep(0.1)
        raise AssertionError(f"nobody takes connections on port {port}")

    async def close(self) -> None:
        """At once, whatever was still to be sent."""
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def sends(self, text: str | bytes) -> bool:
        """Whether that could be done."""
        try:
            self._writer.write(text.encode() if isinstance(text, str) else text)
            await self._writer.drain()
        except OSError:
            return False
        return True

    async def posts(self, path: str, body: object) -> Answer:
        return await self.posts_bytes(path, json.dumps(body).encode())

    async def posts_bytes(self, path: str, body: bytes) -> Answer:
        return await self._asked(_head(path, f"Content-Length: {len(body)}"), body)

    async def announces(self, path: str, size: int) -> Answer:
        """Says that so much will come, and sends it unless it is refused before."""
        return await self._asked(_head(path, f"Content-Length: {size}"), *[bytes(CHUNK)] * (size // CHUNK))

    async def streams(self, path: str, size: int) -> Answer:
        """The same, without saying so."""
        chunk = b"%x\r\n%b\r\n" % (CHUNK, b" " * CHUNK)
        return await self._asked(_head(path, "Transfer-Encoding: chunked"), *[chunk] * (size // CHUNK))

    async def has_headers(self, path: str, size: int) -> Answer:
        line = f"x-{'a' * 100}: {'b' * 900}\r\n"
        return await self._asked(_head(path, f"Content-Length: 0\r\n{line * (size // len(line))}x: y"))

    async def answer(self) -> Answer:
        """To what is sent meanwhile."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                head = await self._reader.readuntil(b"\r\n\r\n")
                body = await self._reader.readexactly(_length(head))
        except TimeoutError:
            raise AssertionError(f"no answer within {ANSWER_SECONDS:.0f} s") from None
        except (OSError, EOFError):
            return Answer(None, time.monotonic() - began)
        return Answer(int(head.split(b" ", 2)[1]), time.monotonic() - began, head, body)

    async def _asked(self, *parts: bytes) -> Answer:
        sending = asyncio.create_task(self._sends_all(parts))
        try:
            return await self.answer()
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _sends_all(self, parts: tuple[bytes, ...]) -> None:
        for part in parts:
            if not await self.sends(part):
                break


async def crowd(port: int, count: int, does: Callable[[Connection], Awaitable[Answer]]) -> list[Answer]:
    """What so many at once were answered."""

    async def one() -> Answer:
        connection = await Connection.to(port)
        try:
            return await does(connection)
        finally:
            await connection.close()

    return list(await asyncio.gather(*(one() for _ in range(count))))


def _head(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: watcher", *headers, "", "")).encode()


def _length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0
