"""Deliveries: each message goes to each of its channels until it arrives, or for so long."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watcher.domain.alert_channels import Channel, Severity
from watcher.domain.alerts import Alerts
from watcher.domain.clock import Clock
from watcher.domain.page import Page, Slice

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
ATTEMPTS = 12
LEASE = timedelta(minutes=2)
"""How long who took a delivery has to say what became of it; then another takes it."""

AT_ONCE = 100
"""Most messages that one pass sends to one channel."""

LONGEST_PASS = timedelta(minutes=2)
"""After that a pass begins no more sends, lest it be broken off in one, which would then be repeated."""

UNFINISHED = "whoever sent it did not say what became of it"
OUTDATED = "nobody sent it in time"

DISBELIEVED_BEYOND = timedelta(minutes=1)
"""An attempt that is due so much later than it can be was put off by a wrong clock."""


class DeliveryState(StrEnum):
    """What became of a message on a channel. `failed` ones are tried again, `abandoned` ones are not."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent. The id is the same whenever it is sent: who has it already can drop it."""

    id: int
    severity: Severity
    ending: bool
    title: str
    text: str

    @property
    def body(self) -> str:
        return f"{self.text}\n\nWatcher message {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message on its way to a channel. `last_error` says why the last attempt failed, and repeats no secret."""

    id: int
    message_id: int
    title: str
    channel: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in the hands of one sender, at its `attempt`."""

    id: int
    attempt: int
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Those that meet every given condition."""

    channel: str | None = None
    state: DeliveryState | None = None

    def admits(self, delivery: Delivery) -> bool:
        return self.channel in (None, delivery.channel) and self.state in (None, delivery.state)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the state it leaves, why it failed if it did, and when the next one is due."""

    state: DeliveryState
    error: str | None
    at: datetime


def outcome(attempt: int, error: str | None, now: datetime, chance: float) -> Outcome:
    """Delivered where there was no error, abandoned after `ATTEMPTS`, else failed until after a rest."""
    if error is None:
        return Outcome(DeliveryState.DELIVERED, None, now)
    if attempt >= ATTEMPTS:
        return Outcome(DeliveryState.ABANDONED, error, now)
    return Outcome(DeliveryState.FAILED, error, now + rest(attempt, chance))


def rest(attempt: int, chance: float) -> timedelta:
    """Doubles from attempt to attempt up to a bound; by `chance` in 0..1 from half of that to all of it."""
    longest = min(FIRST_RETRY * (1 << min(attempt - 1, 20)), LONGEST_RETRY)
    return longest * (0.5 + chance / 2)


def is_hopeless(delivery: Delivery, give_up_at: datetime, now: datetime) -> bool:
    """Whether a delivery that nobody is just sending is given up."""
    due = delivery.next_attempt_at is not None and delivery.next_attempt_at <= now
    return due and (delivery.attempts >= ATTEMPTS or give_up_at <= now)


def believed(delivery: Delivery, now: datetime) -> datetime | None:
    """When the next attempt is due. What a wrong clock put off is due after a lease: somebody may be sending it just now."""
    longest = max(LEASE, rest(max(delivery.attempts, 1), 1.0))
    due = delivery.next_attempt_at
    return now + LEASE if due is not None and due > now + longest + DISBELIEVED_BEYOND else due


class Notifier(Protocol):
    """Who sends messages."""

    @property
    def channels(self) -> Sequence[Channel]:
        """Where it can send to."""
        ...

    async def send(self, channel: str, message: Message) -> str | None:
        """Sends to one channel; None when it was delivered, else why not, without a secret.

        Ends within a bounded time, does not raise, and holds nobody up.
        """
        ...


class Deliveries(Protocol):
    """The deliveries on record. Every method is one transaction."""

    async def claim(self, channel: str, now: datetime) -> Claim | None:
        """Takes the delivery that is longest due on a channel, for `LEASE`; of many who ask one gets it."""
        ...

    async def record(self, claim: Claim, outcome: Outcome) -> None:
        """Writes down what became of an attempt, unless another sender took the delivery over meanwhile.

        That it was delivered is written down in any case.
        """
        ...

    async def abandon(self, now: datetime) -> int:
        """Gives up what could not be sent in time, and what was tried `ATTEMPTS` times; how many there were.

        What a wrong clock put off is due when it is `believed` to be from then on.
        """
        ...

    async def page(self, wanted: DeliveryFilter, page: Page) -> Slice[Delivery]:
        """Newest first, by descending id."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What a pass did."""

    composed: int = 0
    delivered: int = 0
    failed: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(
            self.composed + other.composed, self.delivered + other.delivered, self.failed + other.failed
        )


class AtOnce(Protocol):
    """Awaits works at the same time; when all are over raises what one of them raised."""

    def __call__(self, *works: Awaitable[Sent]) -> Awaitable[Sequence[Sent]]: ...


@dataclass(frozen=True, slots=True)
class SendAlerts:
    """The job that tells people what began and what is over. Harmless to repeat and to run in many places at once.

    A message is sent once, except by a sender who dies between sending and writing that down: after `LEASE` it is sent
    again, under the same id. A channel that fails is left alone for the rest of the pass, and holds no other up.
    """

    alerts: Alerts
    deliveries: Deliveries
    notifier: Notifier
    clock: Clock
    chance: Callable[[], float]
    at_once: AtOnce

    async def __call__(self) -> Sent:
        channels = self.notifier.channels
        if not channels:
            return Sent()
        now = self.clock.now()
        composed = await self.alerts.compose(now, channels)
        await self.deliveries.abandon(now)
        passes = await self.at_once(*(self._serve(channel.name, now + LONGEST_PASS) for channel in channels))
        return sum(passes, Sent(composed))

    async def _serve(self, channel: str, until: datetime) -> Sent:
        sent = Sent()
        while sent.delivered < AT_ONCE and not sent.failed and (now := self.clock.now()) < until:
            claim = await self.deliveries.claim(channel, now)
            if claim is None:
                break
            error = await self.notifier.send(channel, claim.message)
            await self.deliveries.record(
                claim, outcome(claim.attempt, error, self.clock.now(), self.chance())
            )
            sent += Sent(delivered=1) if error is None else Sent(failed=1)
        return sent


@dataclass(frozen=True, slots=True)
class TryChannels:
    """Sends a message to every channel, and says what became of each by its name."""

    notifier: Notifier

    async def __call__(self) -> Sequence[tuple[str, str | None]]:
        message = Message(
            id=0,
            severity=Severity.INFO,
            ending=False,
            title="A test from Watcher",
            text="- This channel works: alerts will arrive here.",
        )
        return [
            (channel.name, await self.notifier.send(channel.name, message))
            for channel in self.notifier.channels
        ]
