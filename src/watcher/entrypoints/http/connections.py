"""The protocol of each connection, which has no patience with clients that are slow, endless or too many.

Uvicorn bounds neither how long a request takes to arrive nor how long its head is. A connection has one timer, which
looks now and again whether a deadline has passed: moving a deadline costs a request next to nothing.
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from dataclasses import dataclass

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from watcher.entrypoints.http.crowd import PROBES, ServerIsBusy
from watcher.entrypoints.http.problems import (
    RETRY_AFTER_SECONDS,
    ProblemAnswer,
    ProblemFields,
    plain_problem,
    problem_of,
)
from watcher.entrypoints.http.secured import PLAIN

STALLED_SECONDS = 30.0
LEAST_READ = 32 * 2**10
"""Who takes less of an answer than this in that time is not reading it."""

LINGERING_SECONDS = 2.0
"""A connection is closed so long after a refusal, or when the client closes it: at once would take the answer back."""

MOST_REFUSED = 2
"""From so many times the connections that are served on, one is closed without waiting for its request."""

TOO_MANY = problem_of(ServerIsBusy("it has as many connections as it may"))
NO_UPGRADE = plain_problem(
    400, "A request with a body cannot ask for another protocol: send it again without `Upgrade`."
)
NO_HTTP = plain_problem(400, "This is not a request as of HTTP/1.1.")
TOO_SLOW = plain_problem(408, "The request did not arrive in time.")
CLOSING = {"Connection": "close"}
CLOSING_FOR_NOW = CLOSING | {"Retry-After": str(RETRY_AFTER_SECONDS)}


@dataclass(frozen=True, slots=True)
class Patience:
    """What a connection puts up with; times in seconds, sizes in bytes. `connections` are those of the process."""

    head_limit: int
    head_timeout: float
    body_timeout: float
    connections: int


class Refused(Exception):
    """Ends the parsing of a request that is not taken."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of one connection, as long as the client keeps to `patience`."""

    patience: Patience

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        self._deadline: float | None = None
        self._unframed = 0
        self._in_head = True
        self._refusal = NO_HTTP
        self._unread = 0
        self._lingering = False
        self._watch: TimerHandle | None = None
        self._stall: TimerHandle | None = None
        super().connection_made(transport)
        self._came_late = len(self.connections) > self.patience.connections
        if len(self.connections) > MOST_REFUSED * self.patience.connections:
            self._say(TOO_MANY)
            transport.close()
            return
        self._allow(self.patience.head_timeout)
        self._watch = self.loop.call_later(self.patience.head_timeout, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._watch, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingering or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        if self._deadline is None:
            self._allow(self.patience.head_timeout)
        self._unframed += len(data)
        try:
            self.parser.feed_data(data)
            if self._unframed > self.patience.head_limit:
                self._refuse(self._too_large())
        except httptools.HttpParserUpgrade as upgrade:
            # To a protocol that is not spoken here: the request, which has no body, counts as it is.
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        except httptools.HttpParserError:
            self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """What comes after the body is no header, and nothing is decided by it (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.patience.head_limit:
            self._refusal = self._too_large()
            raise Refused
        if self._is_one_too_many() and not self.url.startswith(PROBES.encode()):
            self._refusal = TOO_MANY
            raise Refused
        if self.parser.should_upgrade() and self._has_body():
            # The parser would take the body for what comes after the upgrade, and then for a request.
            self._refusal = NO_UPGRADE
            raise Refused
        self._unframed = 0
        self._allow(self.patience.body_timeout)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unframed = 0
        self._deadline = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._stall = self.loop.call_later(STALLED_SECONDS, self._look_at_reading)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _has_body(self) -> bool:
        lengths = {value for name, value in self.headers if name.lower() == b"content-length"}
        coded = any(name.lower() == b"transfer-encoding" for name, _ in self.headers)
        return coded or bool(lengths - {b"0"})

    def _allow(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds

    def _too_large(self) -> ProblemFields:
        limit = self.patience.head_limit
        return plain_problem(431, f"The head of the request is larger than {limit:,} bytes.")

    def _look(self) -> None:
        """Ends what took too long. What this side does not read is not the client's fault."""
        if self._lingering or self.transport.is_closing():
            return
        now = self.loop.time()
        if self._deadline is not None and self._deadline <= now:
            if not self.flow.read_paused and not self._is_working():
                self._refuse(TOO_SLOW)
                return
            self._allow(self.patience.body_timeout)
        soonest = now + min(self.patience.head_timeout, self.patience.body_timeout)
        at = soonest if self._deadline is None else self._deadline
        self._watch = self.loop.call_at(min(at, soonest), self._look)

    def _is_one_too_many(self) -> bool:
        """Whether the limit was reached when this connection came, and is still: those before it are served on."""
        return self._came_late and len(self.connections) > self.patience.connections

    def _look_at_reading(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if self._unread - unread < LEAST_READ:
            self.transport.abort()
            return
        self._unread = unread
        self._stall = self.loop.call_later(STALLED_SECONDS, self._look_at_reading)

    def _is_working(self) -> bool:
        """Whether a request has arrived as a whole and is not answered."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def _refuse(self, problem: ProblemFields) -> None:
        """Answers instead of the application, and closes; without an answer where one has begun or nothing was asked."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            answerable = self._unframed > 0
        else:
            answerable = cycle.more_body and not cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
        if not answerable:
            self.transport.close()
            return
        self._lingering = True
        self._say(problem)
        self.transport.write_eof()
        self.loop.call_later(LINGERING_SECONDS, self.transport.close)

    def _say(self, problem: ProblemFields) -> None:
        answer = ProblemAnswer(problem, CLOSING_FOR_NOW if problem is TOO_MANY else CLOSING)
        lines = [*self.server_state.default_headers, *answer.raw_headers, *PLAIN]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
        self.transport.write(STATUS_LINE[answer.status_code] + head + b"\r\n" + bytes(answer.body))


def bounded(patience: Patience) -> type[BoundedProtocol]:
    """The protocol with this patience."""
    return type("Protocol", (BoundedProtocol,), {"patience": patience})
