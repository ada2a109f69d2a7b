"""How a message reaches its channels: once, again after a rest where it failed, and not for ever."""

from asyncio import gather, wait_for
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.contract.telling import ALL, HOURLY, MINUTE, OPS, Telling
from tests.contract.world import World, at
from watcher.adapters.postgres.deliveries import SQL
from watcher.domain.alert_channels import Channel
from watcher.domain.alerts import RECENT
from watcher.domain.deliveries import (
    ATTEMPTS,
    LEASE,
    OUTDATED,
    UNFINISHED,
    DeliveryFilter,
    DeliveryState,
    Message,
    Outcome,
    Sent,
    outcome,
)
from watcher.domain.page import Page

BEGIN = 61 * MINUTE
REFUSED = "the connection was refused"


@pytest.fixture
async def telling(world: World) -> Telling:
    """One message is to be sent to `ops` and `all`, and nobody has tried yet."""
    telling = Telling.to(world, OPS, ALL)
    await world.pipeline(**HOURLY)
    await telling.check(BEGIN)
    assert await world.watcher.alerts.compose(at(BEGIN), telling.notifier.channels) == 1
    return telling


async def test_a_delivery_is_on_record_from_the_start(telling: Telling) -> None:
    deliveries = await telling.deliveries()
    assert [(each.channel, each.state, each.attempts) for each in deliveries] == [
        ("ops", DeliveryState.PENDING, 0),
        ("all", DeliveryState.PENDING, 0),
    ]
    assert {each.title for each in deliveries} == {"orders is stale"}
    await telling.sent()
    assert [(each.state, each.attempts, each.delivered_at) for each in await telling.deliveries()] == [
        (DeliveryState.DELIVERED, 1, at(BEGIN))
    ] * 2


async def test_a_message_that_failed_is_tried_again_after_rests_that_grow(telling: Telling) -> None:
    telling.notifier.down["ops"] = REFUSED
    assert await telling.sent() == Sent(delivered=1, failed=1)
    due, rests = BEGIN, []
    for _ in range(4):
        (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
        assert (delivery.state, delivery.last_error) == (DeliveryState.FAILED, REFUSED)
        assert delivery.next_attempt_at is not None
        rests.append((delivery.next_attempt_at - at(due)).total_seconds())
        due += rests[-1]
        assert await telling.sent(due - 0.001) == Sent()
        assert await telling.sent(due) == Sent(failed=1)
    assert rests == [30, 60, 120, 240]
    telling.notifier.down.clear()
    assert await telling.told(due + 480) == [("ops", "orders is stale")]
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert (delivery.state, delivery.attempts, delivery.last_error) == (DeliveryState.DELIVERED, 6, None)
    assert delivery.next_attempt_at is None


async def test_after_so_many_attempts_a_message_is_given_up(
    telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    telling.notifier.down["ops"] = REFUSED
    for attempt in range(ATTEMPTS + 3):
        await telling.sent(BEGIN + attempt * 3_601)
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert (delivery.state, delivery.attempts) == (DeliveryState.ABANDONED, ATTEMPTS)
    assert (delivery.last_error, delivery.next_attempt_at) == (REFUSED, None)
    assert caplog.messages == [
        f"message {delivery.message_id} was not delivered to ops and is given up: {REFUSED}"
    ]


async def test_a_message_that_nobody_sends_in_time_is_given_up(telling: Telling) -> None:
    telling.notifier.channels = [ALL]
    await telling.sent()
    assert await telling.world.watcher.deliveries.abandon(at(BEGIN) + RECENT - timedelta(seconds=1)) == 0
    assert await telling.world.watcher.deliveries.abandon(at(BEGIN) + RECENT) == 1
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert (delivery.state, delivery.last_error) == (DeliveryState.ABANDONED, OUTDATED)


async def test_of_many_senders_one_gets_a_delivery(telling: Telling) -> None:
    deliveries = telling.world.watcher.deliveries
    claims = await gather(*(deliveries.claim("ops", at(BEGIN)) for _ in range(8)))
    (claim,) = [each for each in claims if each is not None]
    assert (claim.attempt, claim.message.title) == (1, "orders is stale")
    assert await deliveries.claim("ops", at(BEGIN)) is None
    assert await deliveries.claim("all", at(BEGIN)) is not None


@pytest.mark.parametrize("store", ["postgres"])
async def test_who_asks_while_another_is_just_taking_a_delivery_does_not_wait_for_it(
    telling: Telling,
) -> None:
    claim, now = SQL["claim"], at(BEGIN)
    values = {"channel": "ops", "now": now, "until": now + LEASE, "most": ATTEMPTS}
    async with telling.world.container.database().transaction() as transaction:
        assert await transaction.row(claim, **values) is not None
        taken = await wait_for(telling.world.watcher.deliveries.claim("ops", now), 2)
    assert taken is None
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert delivery.attempts == 1


async def test_who_does_not_say_what_became_of_a_delivery_loses_it_to_another(telling: Telling) -> None:
    deliveries = telling.world.watcher.deliveries
    first = await deliveries.claim("ops", at(BEGIN))
    assert await deliveries.claim("ops", at(BEGIN) + LEASE - timedelta(seconds=1)) is None
    second = await deliveries.claim("ops", at(BEGIN) + LEASE)
    assert first is not None
    assert second is not None
    assert (second.id, second.attempt, second.message) == (first.id, 2, first.message)
    await deliveries.record(first, outcome(1, REFUSED, at(BEGIN), 1.0))
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert (delivery.state, delivery.last_error) == (DeliveryState.PENDING, None)
    await deliveries.record(first, Outcome(DeliveryState.DELIVERED, None, at(BEGIN)))
    await deliveries.record(second, outcome(2, REFUSED, at(BEGIN), 1.0))
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert (delivery.state, delivery.delivered_at) == (DeliveryState.DELIVERED, at(BEGIN))


async def test_a_message_that_kills_its_senders_is_given_up(telling: Telling) -> None:
    deliveries = telling.world.watcher.deliveries
    now = at(BEGIN)
    for _ in range(ATTEMPTS):
        assert await deliveries.claim("ops", now) is not None
        assert await deliveries.abandon(now) == 0
        now += LEASE
    assert await deliveries.claim("ops", now) is None
    assert await deliveries.abandon(now) == 1
    (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
    assert delivery.last_error == UNFINISHED


async def test_a_channel_that_fails_is_left_alone_for_the_rest_of_the_pass(telling: Telling) -> None:
    await telling.world.pipeline("second", **HOURLY)
    telling.world.clock.instant = at(2 * BEGIN + 60)
    await telling.check(2 * BEGIN + 60)
    telling.notifier.down["ops"] = REFUSED
    assert await telling.sent() == Sent(composed=1, delivered=2, failed=1)
    states = [each.state for each in await telling.deliveries(DeliveryFilter(channel="ops"))]
    assert states == [DeliveryState.PENDING, DeliveryState.FAILED]


@dataclass(frozen=True, slots=True)
class Slow:
    """A notifier whose only channel takes so many seconds for a message."""

    world: World
    seconds: float
    channels: Sequence[Channel] = (OPS,)

    async def send(self, channel: str, message: Message) -> str | None:  # noqa: ARG002 (as the port has it)
        self.world.clock.instant += timedelta(seconds=self.seconds)
        return None


async def test_a_pass_ends_before_a_slow_channel_has_it_broken_off(telling: Telling) -> None:
    for number in range(2, 6):
        await telling.world.pipeline(f"slow {number}", **HOURLY)
        await telling.check(number * (BEGIN + 60))
        await telling.world.watcher.alerts.compose(telling.world.clock.instant, telling.notifier.channels)
    sending = replace(telling.world.watcher.send_alerts, notifier=Slow(telling.world, seconds=50))
    assert await sending() == Sent(delivered=3)
    assert await sending() == Sent(delivered=2)


async def test_deliveries_are_read_in_pages_and_by_filters(telling: Telling) -> None:
    telling.notifier.down["ops"] = REFUSED
    await telling.sent()
    deliveries = telling.world.watcher.deliveries

    async def found(channel: str | None = None, state: DeliveryState | None = None) -> list[str]:
        return [
            each.channel for each in await telling.deliveries(DeliveryFilter(channel=channel, state=state))
        ]

    assert await found() == ["ops", "all"]
    assert await found("all") == ["all"]
    assert await found(state=DeliveryState.FAILED) == ["ops"]
    assert await found("ops", DeliveryState.DELIVERED) == []
    newest = await deliveries.page(DeliveryFilter(), Page(limit=1))
    assert newest.more
    rest = await deliveries.page(DeliveryFilter(), Page(limit=1, after=newest.items[-1].id))
    assert ([each.channel for each in rest.items], rest.more) == (["all"], False)


async def test_what_a_wrong_clock_put_off_is_tried_once_nobody_can_be_sending_it(telling: Telling) -> None:
    ahead = BEGIN + 60 * MINUTE
    telling.notifier.down["ops"] = REFUSED
    assert await telling.sent(ahead) == Sent(delivered=1, failed=1)
    telling.notifier.down.clear()

    assert await telling.sent(BEGIN) == Sent()
    assert await telling.sent(BEGIN + LEASE.total_seconds() - 1) == Sent()
    assert await telling.sent(BEGIN + LEASE.total_seconds()) == Sent(delivered=1)
    assert {each.state for each in await telling.deliveries()} == {DeliveryState.DELIVERED}


async def test_a_rest_is_believed_as_long_as_it_can_be(telling: Telling) -> None:
    """However often it was tried, no attempt comes sooner than its rest."""
    telling.notifier.down["ops"] = REFUSED
    await telling.sent()
    for attempt in range(1, ATTEMPTS - 1):
        (delivery,) = await telling.deliveries(DeliveryFilter(channel="ops"))
        assert delivery.next_attempt_at is not None
        assert delivery.attempts == attempt
        await telling.world.watcher.deliveries.abandon(telling.world.clock.instant)
        assert (await telling.deliveries(DeliveryFilter(channel="ops")))[
            0
        ].next_attempt_at == delivery.next_attempt_at
        telling.world.clock.instant = delivery.next_attempt_at
        await telling.sent()
