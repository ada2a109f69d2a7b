"""The bodies of requests: counted as they arrive, and unpacked where they are compressed, never beyond a limit."""

import zlib
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from watcher.domain.errors import Invalid
from watcher.entrypoints.http.crowd import ServerIsBusy
from watcher.entrypoints.http.problems import BadRequest

JSON_TYPES = ("application/json", "+json")
GZIP = ("gzip", "x-gzip")
PLAIN = ("", "identity")
GZIP_FORMAT = 31
"""What zlib calls a gzip header before, and a checksum behind, the largest window."""

MOST_MEMBERS = 100
"""Of a gzip, which may be several in a row: empty ones would be work for nothing."""

LARGEST_AT_ONCE = 16
DIGITS = 18
LEAST_ROOM = 256 * 2**20
"""A process holds so many bodies of the largest size at a time, or so many bytes where that is more."""


class ClientGone(Exception):
    """The client closed the connection before it had sent its request."""


@dataclass(unsafe_hash=True)
class ContentIsNotGzip(Invalid):
    """A body that does not unpack as its `Content-Encoding` says."""

    reason: str

    def __str__(self) -> str:
        return f"The body is not the gzip that its content encoding says: {self.reason}."


class Room:
    """How much of bodies a process may hold: `limit` bytes of one, and of all together a multiple."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = max(LARGEST_AT_ONCE * limit, LEAST_ROOM)

    def take(self, size: int) -> None:
        """Raises `ServerIsBusy` where there is no room left; it is taken all the same, and to be given back."""
        self._left -= size
        if self._left < 0:
            raise ServerIsBusy("it holds as much of requests as it may")

    def give_back(self, size: int) -> None:
        self._left += size

    def require_small(self, size: int) -> None:
        if size > self.limit:
            raise BadRequest(413, f"The request body is larger than {self.limit:,} bytes.")


class Body:
    """The body of one request. Whoever reads it has to `release` its room, however reading went."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken = 0
        self._content = bytearray()

    async def read(self, scope: Scope, receive: Receive) -> bytearray:
        """All of it, unpacked.

        Raises `BadRequest` when it is too large or not JSON by its own account, `ContentIsNotGzip`, `ServerIsBusy`,
        and `ClientGone`.
        """
        headers = Headers(scope=scope)
        _require_json(headers.get("content-type"))
        unpacking = _unpacking(headers)
        self._room.require_small(_announced(headers.get("content-length", "0")))
        received, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            more = message.get("more_body", False)
            received += len(part)
            self._room.require_small(received)
            self._add(part if unpacking is None else unpacking.part(part, self._space()))
        if unpacking is not None:
            unpacking.require_whole()
        return self._content

    def release(self) -> None:
        self._room.give_back(self._taken)
        self._taken = 0

    def _add(self, part: bytes | bytearray) -> None:
        self._taken += len(part)
        self._room.take(len(part))
        self._content += part
        self._room.require_small(len(self._content))

    def _space(self) -> int:
        """One byte more than there may be, by which it is known that there is more."""
        return self._room.limit - len(self._content) + 1


def _announced(length: str) -> int:
    """The length that a header tells, or one that is too large for anybody."""
    digits = length.lstrip("0")
    if not digits.isdecimal():
        return 0
    return int(digits) if len(digits) <= DIGITS else 10**DIGITS


class Unpacking:
    """A gzip that comes in parts."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(GZIP_FORMAT)
        self._members = 1

    def part(self, packed: bytes, most: int) -> bytearray:
        """What the next part holds, `most` bytes at most; where there is more, it is lost."""
        plain = bytearray()
        try:
            while packed and len(plain) < most:
                if self._stream.eof:
                    self._begin_another()
                plain += self._stream.decompress(packed, most - len(plain))
                packed = self._stream.unused_data
        except zlib.error as error:
            raise ContentIsNotGzip(str(error)) from None
        return plain

    def require_whole(self) -> None:
        if not self._stream.eof:
            raise ContentIsNotGzip("it ends too early")

    def _begin_another(self) -> None:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise ContentIsNotGzip(f"it has more than {MOST_MEMBERS} members")
        self._stream = zlib.decompressobj(GZIP_FORMAT)


def _require_json(kind: str | None) -> None:
    if kind is not None and not kind.partition(";")[0].strip().lower().endswith(JSON_TYPES):
        raise BadRequest(415, f"The content type must be application/json, not {kind}.")


def _unpacking(headers: Headers) -> Unpacking | None:
    encoding = ", ".join(headers.getlist("content-encoding")).strip().lower()
    if encoding in PLAIN:
        return None
    if encoding not in GZIP:
        raise BadRequest(
            415, f"The content encoding must be gzip or none, not {encoding}.", {"Accept-Encoding": "gzip"}
        )
    return Unpacking()
