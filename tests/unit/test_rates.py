"""Rates: a burst at once, the rate in the long run, in one process and in several."""

import logging
from asyncio import sleep
from collections.abc import Mapping
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.adapters.memory import rates as memory_rates
from watcher.adapters.memory.rates import MemoryDebts, MemoryRates
from watcher.adapters.shared_rates import PAUSE_SECONDS, SharedRates
from watcher.domain.rates import DebtsUnknown, Rate, Standing

RATE = Rate(per_second=2, burst=4)


class Seconds:
    """A clock that stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def rates(seconds: Seconds) -> MemoryRates:
    return MemoryRates(RATE, seconds)


def test_a_burst_is_admitted_and_no_more(rates: MemoryRates) -> None:
    standings = [rates.take("one") for _ in range(6)]

    assert [each.admitted for each in standings] == [True] * 4 + [False] * 2
    assert [each.remaining for each in standings] == [3, 2, 1, 0, 0, 0]
    assert [each.reset_seconds for each in standings] == [1, 1, 2, 2, 2, 2]
    assert [each.retry_after_seconds for each in standings] == [0, 0, 0, 0, 1, 1]


def test_callers_do_not_harm_each_other(rates: MemoryRates) -> None:
    for _ in range(9):
        rates.take("one")

    assert rates.take("two") == Standing(admitted=True, remaining=3, reset_seconds=1, retry_after_seconds=0)


def test_time_brings_back_one_request_after_the_other(rates: MemoryRates, seconds: Seconds) -> None:
    for _ in range(4):
        rates.take("one")
    seconds.now += 0.499
    assert not rates.take("one").admitted
    seconds.now += 0.001
    assert rates.take("one").admitted
    assert not rates.take("one").admitted
    seconds.now += 3_600
    assert [rates.take("one").admitted for _ in range(5)] == [True] * 4 + [False]


def test_a_refusal_says_truly_when_to_come_back(seconds: Seconds) -> None:
    rates = MemoryRates(Rate(per_second=0.1, burst=2), seconds)
    rates.take("one")
    rates.take("one")
    seconds.now += 3.5

    refused = rates.take("one")

    assert (refused.admitted, refused.retry_after_seconds, refused.reset_seconds) == (False, 7, 17)
    seconds.now += 7
    assert rates.take("one").admitted


@given(
    per_second=st.sampled_from([0.1, 0.3, 1.0, 3.0, 7.0, 1_000.0]),
    burst=st.integers(1, 20),
    pauses=st.lists(st.floats(0, 20) | st.just(0.0), max_size=60),
)
def test_in_no_stretch_of_time_more_is_admitted_than_a_burst_and_the_rate(
    per_second: float, burst: int, pauses: list[float]
) -> None:
    seconds = Seconds()
    rates = MemoryRates(Rate(per_second, burst), seconds)
    admitted: list[float] = []
    denied: list[float] = []
    for at in accumulate(pauses, initial=seconds.now):
        seconds.now = at
        (admitted if rates.take("one").admitted else denied).append(at)

    for index, begin in enumerate(admitted):
        for number, end in enumerate(admitted[index:], start=1):
            assert number <= burst + per_second * (end - begin) + 1e-3
    for at in denied:  # and nobody is refused who kept to it
        assert any(
            sum(begin <= each <= at for each in admitted) + 1 > burst + per_second * (at - begin) - 1e-3
            for begin in admitted
        )


def test_callers_who_are_too_many_are_forgotten_the_paid_up_first(
    rates: MemoryRates, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_rates, "MOST_CALLERS", 10)
    rates.take("paid up")
    seconds.now += 10
    for number in range(9):
        rates.take(f"caller {number}")
    rates.take("new")
    assert [rates.take(f"caller {number}").remaining for number in range(9)] == [2] * 9
    for number in range(1_000):
        rates.take(f"crowd {number}")
    assert len(rates.taken()) <= 11


async def test_two_processes_admit_together_what_one_would(seconds: Seconds) -> None:
    debts = MemoryDebts(seconds)
    rates = [MemoryRates(RATE, seconds) for _ in range(2)]
    shared = [SharedRates(each, debts, RATE) for each in rates]
    admitted = 0
    for _ in range(100):
        admitted += sum(each.take("one").admitted for each in rates)
        for each in (*shared, *shared):
            assert await each.exchange()
        seconds.now += 0.1
    assert RATE.burst + RATE.per_second * 10 - 2 <= admitted <= RATE.burst + RATE.per_second * 10 + 2


async def test_what_was_admitted_beyond_is_paid_back(seconds: Seconds) -> None:
    debts = MemoryDebts(seconds)
    rates = [MemoryRates(RATE, seconds) for _ in range(2)]
    assert sum(each.take("one").admitted for _ in range(4) for each in rates) == 8

    for each in rates:
        await SharedRates(each, debts, RATE).exchange()

    assert rates[1].take("one") == Standing(
        admitted=False, remaining=0, reset_seconds=4, retry_after_seconds=3
    )


async def test_nobody_owes_more_than_two_bursts(seconds: Seconds) -> None:
    debts = MemoryDebts(seconds)
    rates = [MemoryRates(RATE, seconds) for _ in range(9)]
    for each in rates:
        for _ in range(4):
            each.take("one")
        await SharedRates(each, debts, RATE).exchange()

    assert rates[-1].take("one").reset_seconds == 4


async def test_what_is_admitted_while_others_are_told_is_told_next(seconds: Seconds) -> None:
    rates = MemoryRates(RATE, seconds)
    rates.take("one")

    class Slow(MemoryDebts):
        async def add(self, seconds: Mapping[str, float], most: float) -> Mapping[str, float]:
            rates.take("one")
            return await super().add(seconds, most)

    await SharedRates(rates, Slow(seconds), RATE).exchange()

    assert rates.take("one").remaining == 1
    assert rates.taken() == {"one": 1.0}


async def test_without_the_debts_of_others_each_process_judges_for_itself(
    rates: MemoryRates, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(MemoryDebts):
        away = True

        async def add(self, seconds: Mapping[str, float], most: float) -> Mapping[str, float]:
            if self.away:
                raise DebtsUnknown("it is away")
            return await super().add(seconds, most)

    debts = Away(seconds)
    shared = SharedRates(rates, debts, RATE)
    for _ in range(3):
        assert [rates.take("one").admitted for _ in range(5)] == [True] * 4 + [False]
        assert not await shared.exchange()
        seconds.now += 10
    rates.take("one")
    debts.away = False
    assert await shared.exchange()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert rates.take("one").remaining == 2


async def test_exchanging_goes_on_by_itself_and_ends_with_its_block(
    rates: MemoryRates, seconds: Seconds
) -> None:
    debts = MemoryDebts(seconds)
    async with SharedRates(rates, debts, RATE).exchanging():
        for number in (1, 2, 3):
            rates.take("one")
            known = 0.0
            while known < number * RATE.interval:
                await sleep(PAUSE_SECONDS / 10)
                known = (await debts.add({"one": 0.0}, 10))["one"]
    rates.take("one")
    await sleep(2 * PAUSE_SECONDS)
    assert await debts.add({"one": 0.0}, 10) == {"one": 3 * RATE.interval}
