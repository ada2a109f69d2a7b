"""What is known of something that lives elsewhere: how old it may be, and what becomes of it when that is ill."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.logs import logged
from watcher.adapters.identity.refreshed import Refreshed, SourceUnavailable, Terms
from watcher.domain.errors import StoreUnavailable

TERMS = Terms(fresh=2, stale=5, kept=60, pause=0.5, patience=0.02)


class Source:
    """Counts how often it is asked; answers with that number, or fails, or not at all for now."""

    def __init__(self) -> None:
        self.loads, self.seconds = 0, 1_000.0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.known = Refreshed("The number", self.load, TERMS, lambda: self.seconds)

    async def load(self) -> int:
        self.loads += 1
        number = self.loads
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return number

    async def settled(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    source = Source()
    yield source
    source.answers.set()
    await source.known.close()


async def test_nothing_is_known_before_the_first_load(source: Source) -> None:
    assert source.known.at_hand() is None
    assert await source.known.renewed() == 1


async def test_who_asks_keeps_it_young_without_waiting(source: Source) -> None:
    await source.known.renewed()
    source.seconds += 2
    assert source.known.at_hand() == 1
    await source.settled()
    assert source.loads == 1
    source.seconds += 0.1
    assert source.known.at_hand() == 1
    await source.settled()
    assert (source.known.at_hand(), source.loads) == (2, 2)


async def test_what_nobody_asked_for_long_is_not_answered_but_read_again(source: Source) -> None:
    await source.known.renewed()
    source.seconds += 5.1
    assert source.known.at_hand() is None
    assert await source.known.renewed() == 2


async def test_many_who_ask_at_once_share_one_load(source: Source) -> None:
    assert await asyncio.gather(*(source.known.renewed() for _ in range(50))) == [1] * 50
    assert source.loads == 1


async def test_asking_again_and_again_loads_twice_a_second(source: Source) -> None:
    for _ in range(100):
        await source.known.renewed()
        source.seconds += 0.05
    assert source.loads == 10


async def test_while_the_source_is_ill_what_is_known_is_good_for_a_while_and_that_is_said(
    source: Source,
) -> None:
    await source.known.renewed()
    source.error = StoreUnavailable("it sleeps")
    with logged() as log:
        source.seconds += 6
        assert await source.known.renewed() == 1
        source.seconds += 50
        assert source.known.at_hand() == 1
        assert await source.known.renewed() == 1
        source.seconds += 4.1
        assert source.known.at_hand() is None
        with pytest.raises(SourceUnavailable, match="The number cannot be read now"):
            await source.known.renewed()
    (line,) = log.getvalue().splitlines()
    assert "WARNING" in line
    assert "The number cannot be read: those known are good for 54 s more at most." in line
    assert "it sleeps" in line


async def test_a_source_that_is_well_again_is_believed_again(source: Source) -> None:
    await source.known.renewed()
    source.error = StoreUnavailable("it sleeps")
    source.seconds += 6
    await source.known.renewed()
    source.error = None
    source.seconds += 1
    with logged() as log:
        assert await source.known.renewed() == 3
    assert "The number can be read again" in log.getvalue()
    source.seconds += 5.1
    assert source.known.at_hand() is None


async def test_a_source_that_hangs_is_not_waited_for_twice(source: Source) -> None:
    await source.known.renewed()
    source.answers.clear()
    source.seconds += 6
    assert source.known.at_hand() is None
    assert await source.known.renewed() == 1
    source.seconds += 1
    assert source.known.at_hand() == 1
    assert source.loads == 2


async def test_the_age_counts_from_the_beginning_of_the_load(source: Source) -> None:
    source.answers.clear()
    asking = asyncio.create_task(source.known.renewed())
    await source.settled()
    source.seconds += 4
    source.answers.set()
    assert await asking == 1
    source.seconds += 1.1
    assert source.known.at_hand() is None


async def test_an_error_that_nobody_foresaw_is_logged_and_nothing_is_known(source: Source) -> None:
    source.error = RuntimeError("a mistake")
    with logged() as log, pytest.raises(SourceUnavailable):
        await source.known.renewed()
    assert "RuntimeError: a mistake" in log.getvalue()
    with pytest.raises(SourceUnavailable):
        source.known.require_latest()
