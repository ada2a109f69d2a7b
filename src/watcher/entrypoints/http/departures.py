"""The end of a connection, so that the client gets to read what it was told last."""

from asyncio import AbstractEventLoop, Transport
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any

LINGERING_SECONDS = 2.0
"""Who sends nothing for so long after the last answer, has had time to read it."""

MOST_IGNORED = 64 * 2**20
"""So many bytes are read over, after the last answer."""

STALLED_SECONDS = 30.0
LEAST_READ = 32 * 2**10
"""Who takes less of an answer than this in that time is not reading it."""


class Door(Transport):
    """The transport of a connection, whose `close` does not take the last answer back.

    To close while the client still sends makes the kernel throw away what was written, where the client has not read
    it. So nothing more is said, and what comes is read over, for a while: `allowance` says for how many seconds a
    client that goes on sending may do so, and 0 where nothing more is expected of it.
    """

    def __init__(self, transport: Transport, loop: AbstractEventLoop, allowance: Callable[[], float]) -> None:
        self._transport, self._loop, self._allowance = transport, loop, allowance
        self._lingering = False
        self._ignored, self._seen, self._until = 0, 0, 0.0
        self._unread = 0
        self._quiet: TimerHandle | None = None
        self._stall: TimerHandle | None = None
        self.write = transport.write  # type: ignore[method-assign]  # as itself: each answer goes this way
        self.abort = transport.abort  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._lingering or self._transport.is_closing()

    def close(self) -> None:
        if not self.is_closing():
            self.linger(self._allowance())

    def linger(self, seconds: float) -> None:
        """Says nothing more, and reads over what comes in this time, until it is quiet."""
        if seconds <= 0:
            self.leave()
            return
        self._lingering = True
        self.write = _nothing  # type: ignore[assignment, method-assign]
        self._transport.write_eof()
        self._transport.resume_reading()
        self._until = self._loop.time() + seconds
        self._quiet = self._loop.call_later(min(LINGERING_SECONDS, seconds), self._look)

    def ignore(self, size: int) -> None:
        """So many bytes came that nobody wants."""
        self._ignored += size
        if self._ignored > MOST_IGNORED:
            self.leave()

    def leave(self) -> None:
        """Closes as soon as the client has what was written, or is seen not to read it."""
        if self._transport.is_closing():
            return
        self._transport.close()
        self.watch()

    def watch(self) -> None:
        """Looks every now and again whether the client reads, until `relax`."""
        if self._stall is None and (unread := self._transport.get_write_buffer_size()):
            self._unread = unread
            self._stall = self._loop.call_later(STALLED_SECONDS, self._look_at_reading)

    def relax(self) -> None:
        """The client has read enough. Where the connection is to be closed it has to read all."""
        if self._stall is not None and not self.is_closing():
            self._stall.cancel()
            self._stall = None

    def gone(self) -> None:
        """The connection is no more."""
        for timer in (self._quiet, self._stall):
            if timer is not None:
                timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        if self._ignored == self._seen or now >= self._until:
            self.leave()
            return
        self._seen = self._ignored
        self._quiet = self._loop.call_at(min(now + LINGERING_SECONDS, self._until), self._look)

    def _look_at_reading(self) -> None:
        unread = self._transport.get_write_buffer_size()
        if self._unread - unread < LEAST_READ:
            self._transport.abort()
            return
        self._unread = unread
        self._stall = self._loop.call_later(STALLED_SECONDS, self._look_at_reading)


def _nothing(_: bytes) -> None:
    """What is said by somebody who does not know that the connection is at its end."""
