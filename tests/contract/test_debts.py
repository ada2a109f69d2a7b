"""Debts of callers that processes have in common: in memory, and in a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.broker import Broker, private_broker
from tests.integration.programs import free_port
from watcher.adapters.bus.connection import redis
from watcher.adapters.bus.redis_debts import AT_ONCE, RedisDebts
from watcher.adapters.memory.rates import MemoryDebts
from watcher.domain.rates import Debts, DebtsUnknown

YEAR = 365 * 86_400.0
HOUR = 3_600.0
"""The debts here are so large that the time which a test takes is nothing beside them."""


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


@pytest.fixture(params=["memory", "redis"])
async def debts(request: pytest.FixtureRequest) -> AsyncIterator[Debts]:
    if request.param == "memory":
        yield MemoryDebts(time.monotonic)
        return
    broker = request.getfixturevalue("broker")
    with broker.client() as client:
        client.flushall()
    kept = RedisDebts(redis(broker.url))
    yield kept
    await kept.close()


def _about(seconds: float) -> object:
    return pytest.approx(seconds, abs=HOUR)


async def test_debts_add_up_caller_by_caller(debts: Debts) -> None:
    assert await debts.add({"one": YEAR, "two": 2 * YEAR}, 9 * YEAR) == {
        "one": _about(YEAR),
        "two": _about(2 * YEAR),
    }
    assert await debts.add({"two": YEAR, "three": YEAR}, 9 * YEAR) == {
        "two": _about(3 * YEAR),
        "three": _about(YEAR),
    }
    assert await debts.add({"one": 0.0}, 9 * YEAR) == {"one": _about(YEAR)}


async def test_a_debt_has_a_bound(debts: Debts) -> None:
    assert await debts.add({"one": 5 * YEAR}, 2 * YEAR) == {"one": _about(2 * YEAR)}
    assert await debts.add({"one": 5 * YEAR}, 3 * YEAR) == {"one": _about(3 * YEAR)}


async def test_a_debt_shrinks_by_itself_until_there_is_none(debts: Debts) -> None:
    first = (await debts.add({"one": 0.5}, 1))["one"]
    assert 0 <= first <= 0.5
    await asyncio.sleep(0.55)
    assert await debts.add({"one": 0.0, "two": 0.0}, 1) == {"one": 0.0, "two": 0.0}


async def test_debts_are_exact_to_the_microsecond(debts: Debts) -> None:
    before = (await debts.add({"one": YEAR}, 9 * YEAR))["one"]
    after = (await debts.add({"one": 0.0}, 9 * YEAR))["one"]
    assert YEAR - HOUR < after <= before <= YEAR


async def test_all_at_once_add_up(debts: Debts) -> None:
    await asyncio.gather(*(debts.add({"one": YEAR}, 99 * YEAR) for _ in range(20)))
    assert await debts.add({"one": 0.0}, 99 * YEAR) == {"one": _about(20 * YEAR)}


async def test_of_nobody_nothing_is_known(debts: Debts) -> None:
    assert await debts.add({}, 1) == {}


async def test_there_may_be_many_callers(debts: Debts) -> None:
    many = {f"caller {number}": YEAR for number in range(2 * AT_ONCE + 1)}
    assert await debts.add(many, 9 * YEAR) == dict.fromkeys(many, _about(YEAR))


async def test_redis_forgets_a_debt_that_is_paid(broker: Broker) -> None:
    kept = RedisDebts(redis(broker.url))
    with broker.client() as client:
        client.flushall()
        await kept.add({"one": 0.2, "two": YEAR}, 9 * YEAR)
        await asyncio.sleep(0.25)
        assert client.keys("*") == [b"watcher:debt:two"]
    await kept.close()


async def test_a_redis_that_is_away_or_frozen_is_not_waited_for_long(broker: Broker) -> None:
    kept = RedisDebts(redis(broker.url))
    await kept.add({"one": 1.0}, 9)
    broker.freeze()
    with pytest.raises(DebtsUnknown):
        await kept.add({"one": 1.0}, 9)
    broker.thaw()
    broker.kill()
    with pytest.raises(DebtsUnknown):
        await kept.add({"one": 1.0}, 9)
    broker.start()
    assert await kept.add({"four": YEAR}, 9 * YEAR) == {"four": _about(YEAR)}
    await kept.close()
