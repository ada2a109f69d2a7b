"""The protocol of each connection, which has no patience with clients that are slow, endless or too many.

Uvicorn bounds neither how long a request takes to arrive nor how long its head is. A connection has one timer, which
looks now and again whether a deadline has passed: moving a deadline costs a request next to nothing.
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from dataclasses import dataclass
from enum import Enum, auto

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from watcher.entrypoints.http.crowd import PROBES
from watcher.entrypoints.http.departures import LINGERING_SECONDS, Door
from watcher.entrypoints.http.heads import Refused, origin_form, require_sound
from watcher.entrypoints.http.problems import ProblemFields, plain_problem
from watcher.entrypoints.http.refusals import NO_HTTP, NO_UPGRADE, TOO_MANY, TOO_SLOW, refusal
from watcher.entrypoints.http.turns import Turns

MOST_REFUSED = 2
"""From so many times the connections that are served on, one is closed without waiting for its request."""

SLICE = 4 * 2**10
"""So many bytes are parsed at once: of a read, which is far more, a client could make thousands of requests that wait."""

NOTHING_HELD = memoryview(b"")


@dataclass(frozen=True, slots=True)
class Patience:
    """What a connection puts up with; times in seconds, sizes in bytes. `connections` are those of the process."""

    head_limit: int
    head_timeout: float
    body_timeout: float
    connections: int


class At(Enum):
    """How far the request that is arriving has come."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of one connection, as long as the client keeps to `patience`.

    Requests are answered one after the other. `cycle` is the one that arrived last, `_current` the one that is worked
    on, and `pipeline` has those in between.
    """

    patience: Patience

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        self._deadline: float | None = None
        self._unframed = self._trailer = 0
        self._held = NOTHING_HELD
        self._at = At.NOTHING
        self._ending = False
        self._last_word: ProblemFields | None = None
        self._current: RequestResponseCycle | None = None
        self._watch: TimerHandle | None = None
        self._door = Door(transport, self.loop, self._allowance)
        super().connection_made(self._door)
        self.flow = Turns(self._door, self.pipeline, self._go_on)
        self._came_late = len(self.connections) > self.patience.connections
        if len(self.connections) > MOST_REFUSED * self.patience.connections:
            self._say(TOO_MANY)
            self._door.leave()
            return
        self._allow(self.patience.head_timeout)
        self._watch = self.loop.call_later(self.patience.head_timeout, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._door.gone()
        self._held = NOTHING_HELD
        self.pipeline.clear()
        if self._current is not None:
            self._leave_alone(self._current)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._door.is_closing():
            self._door.ignore(len(data))
            return
        if self._ending:  # what comes after a request that is refused is not looked at
            self.flow.pause_reading()
            return
        self._take(data)

    def _take(self, data: bytes | memoryview) -> None:
        """Parses as much as is not behind requests that wait for their turn; the rest is held until that comes."""
        self._unset_keepalive_if_required()
        if self._deadline is None:
            self._allow(self.patience.head_timeout)
        rest = memoryview(data)
        while rest and not self._ending and not self._door.is_closing():
            if self.pipeline:
                self._held = rest
                self.flow.pause_reading()
                return
            rest = rest[self._fed(rest[:SLICE]) :]

    def _go_on(self) -> bool:
        """Whether there is more to parse before more is read: it is parsed when what goes on now is over."""
        if not self._held or self._ending:
            return False
        self.loop.call_soon(self._take_held)
        return True

    def _take_held(self) -> None:
        held, self._held = self._held, NOTHING_HELD
        if held:
            self._take(held)
        if not self._held and not self._door.is_closing():
            self.flow.resume_reading()

    def _fed(self, data: memoryview) -> int:
        """How much of it was parsed: up to the end of a request that asks for a protocol that is not spoken here.

        Such a request, which has no body, counts as it is.
        """
        self._unframed += len(data)
        try:
            self.parser.feed_data(data)
            if self._unframed > self.patience.head_limit:
                self._refuse(self._too_large())
        except httptools.HttpParserUpgrade as upgrade:
            return int(upgrade.args[0])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.problem if isinstance(cause, Refused) else NO_HTTP)
        return len(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Who has asked all that it wants to may say so: what has arrived as a whole is answered all the same."""
        if self._door.is_closing():
            return False
        if self._at is At.BODY:
            self._withdraw()
        self._at, self._ending = At.NOTHING, True
        return self._is_answering()

    def on_message_begin(self) -> None:
        self._at = At.HEAD
        self._unframed = max(self._unframed, 1)  # behind another request nobody counts where it began
        if self._deadline is None:
            self._allow(self.patience.head_timeout)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """What comes after the body is no header, and nothing is decided by it (RFC 9110, 6.5.1)."""
        if self._at is At.HEAD:
            super().on_header(name, value)
            return
        self._trailer += len(name) + len(value) + 4
        if self._trailer > self.patience.head_limit:
            raise Refused(self._too_large())

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.patience.head_limit:
            raise Refused(self._too_large())
        require_sound(self.parser.get_http_version(), self.headers)
        self.url = origin_form(self.parser.get_method(), self.url)
        if self._is_one_too_many() and not self.url.startswith(PROBES.encode()):
            raise Refused(TOO_MANY)
        if self.parser.should_upgrade() and self._has_body():
            # The parser would take the body for what comes after the upgrade, and then for a request.
            raise Refused(NO_UPGRADE)
        super().on_headers_complete()
        self._at = At.BODY
        self._unframed = self._trailer = 0
        self._allow(self.patience.body_timeout)

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._at = At.NOTHING
        self._unframed = 0
        self._deadline = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._at is not At.NOTHING:  # the next has begun to arrive
            self._unset_keepalive_if_required()
        if self._ending:
            self._end()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._door.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._door.relax()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current = cycle
        super()._start_asgi_task(cycle, app)

    def _has_body(self) -> bool:
        lengths = {value for name, value in self.headers if name == b"content-length"}
        coded = any(name == b"transfer-encoding" for name, _ in self.headers)
        return coded or bool(lengths - {b"0"})

    def _allow(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds

    def _allowance(self) -> float:
        """How long the client may go on sending what it has begun to."""
        if self._at is At.NOTHING and not self.pipeline and not self.flow.read_paused:
            return 0
        return self.patience.body_timeout if self._deadline is None else self._deadline - self.loop.time()

    def _too_large(self) -> ProblemFields:
        limit = self.patience.head_limit
        return plain_problem(431, f"The head of the request is larger than {limit:,} bytes.")

    def _look(self) -> None:
        """Ends what took too long. What this side does not read is not the client's fault."""
        if self._ending or self._door.is_closing():
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

    def _is_answering(self) -> bool:
        """Whether a request is worked on that is still to be answered."""
        return self._current is not None and not self._current.response_complete

    def _is_working(self) -> bool:
        """Whether a request has arrived as a whole and is not answered."""
        return self._is_answering() and not (self._current is self.cycle and self._at is At.BODY)

    def _refuse(self, problem: ProblemFields) -> None:
        """Answers in the place of the request that is arriving, after those before it, and closes.

        Without an answer where one has begun or nothing was asked.
        """
        asked = self._unframed > 0 or problem is not TOO_SLOW
        answerable = self._withdraw() if self._at is At.BODY else asked
        self._ending, self._last_word = True, problem if answerable else None
        if not self._is_answering():
            self._end()

    def _withdraw(self) -> bool:
        """Takes from the application the request whose body does not come; whether it can be answered still."""
        cycle = self.cycle
        if cycle.response_started:
            return False
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        else:
            self._current = None
        self._leave_alone(cycle)
        return True

    def _leave_alone(self, cycle: RequestResponseCycle) -> None:
        """Lets the application know that nobody waits for what it does."""
        cycle.disconnected = True
        cycle.message_event.set()

    def _end(self) -> None:
        """Says the last word, where there is one, when all before it is said."""
        if self._is_answering() or self._door.is_closing():
            return
        if self._last_word is None:
            self._door.close()
            return
        self._say(self._last_word)
        self._door.linger(max(self._allowance(), LINGERING_SECONDS))

    def _say(self, problem: ProblemFields) -> None:
        self.transport.write(refusal(problem, self.server_state.default_headers))


def bounded(patience: Patience) -> type[BoundedProtocol]:
    """The protocol with this patience."""
    return type("Protocol", (BoundedProtocol,), {"patience": patience})
