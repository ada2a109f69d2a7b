"""What a process knows is kept young in the background: whoever asks after a quiet minute neither loads nor waits."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest
from dependency_injector import providers
from pydantic import SecretStr

from tests.contract.world import StoppedClock
from tests.logs import logged
from tests.unit.hands import Hands, settled
from watcher.adapters.identity.bearer_tokens import TERMS as TERMS_OF_ISSUERS
from watcher.adapters.identity.bearer_tokens import WANTED_SECONDS
from watcher.adapters.identity.known_keys import TERMS, KnownKeys
from watcher.adapters.identity.refreshed import Refreshed, SourceUnavailable, Terms
from watcher.adapters.memory.keys import MemoryKeys
from watcher.beside import beside
from watcher.container import Container
from watcher.domain.callers import CredentialsRefused, Scope
from watcher.domain.errors import StoreUnavailable
from watcher.domain.keys import CreateKey, KeyDigest, RevokeKey, UsableKey
from watcher.entrypoints.http.app import create_app
from watcher.settings import MEMORY, Settings

MINUTE = 60.0
IMPATIENT = Terms(fresh=2, stale=0.03, kept=60, pause=0.5, patience=0.02)


class Source:
    """Answers with how often it was asked, or fails, or not at all for now."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.loads, self.hands = 0, Hands()
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.known = Refreshed("The number", self.load, terms, self.hands.seconds, self.hands.sleep)

    async def load(self) -> int:
        self.loads += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.loads


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    source = Source()
    async with beside(source.known.keep()):
        yield source
    await source.known.close()


async def test_after_a_quiet_minute_it_is_at_hand_without_another_load(source: Source) -> None:
    await source.hands.move(MINUTE)
    loads = source.loads
    assert source.known.at_hand() == loads
    await settled()
    assert source.loads == loads
    assert loads == 1 + MINUTE / TERMS.fresh


async def test_a_source_that_fails_is_told_of_once_and_asked_again(source: Source) -> None:
    await source.hands.move(MINUTE)
    source.error = StoreUnavailable("it sleeps")
    with logged() as log:
        await source.hands.move(MINUTE / 2)
        assert source.known.at_hand() is not None
        await source.hands.move(MINUTE)
        assert source.known.at_hand() is None
        with pytest.raises(SourceUnavailable):
            await source.known.renewed()
        source.error = None
        await source.hands.move(TERMS.fresh)
        assert source.known.at_hand() == source.loads
    ill, well = log.getvalue().splitlines()
    assert "cannot be read: those known are good for 58 s more at most." in ill
    assert "can be read again" in well


async def test_an_error_that_nobody_foresaw_is_told_of_once_and_ends_nothing(source: Source) -> None:
    source.error = RuntimeError("a mistake")
    with logged() as log:
        await source.hands.move(MINUTE)
    assert log.getvalue().count("RuntimeError: a mistake") == 1
    assert source.known.at_hand() is None
    source.error = None
    await source.hands.move(TERMS.fresh)
    assert source.known.at_hand() == source.loads


async def test_a_source_that_hangs_is_ill_and_what_is_known_is_answered() -> None:
    source = Source(IMPATIENT)
    await source.known.renewed()
    source.answers.clear()
    source.hands.now += 10
    async with beside(source.known.keep()), asyncio.timeout(MINUTE):
        with logged() as log:
            while "it takes too long" not in log.getvalue():  # noqa: ASYNC110 (a log tells nobody)
                await asyncio.sleep(0.01)
        assert source.known.at_hand() == 1
    await source.known.close()


async def test_what_nobody_wants_for_an_hour_is_not_asked_of_its_source() -> None:
    source = Source(TERMS_OF_ISSUERS)
    async with beside(source.known.keep(WANTED_SECONDS)):
        await source.hands.move(MINUTE)
        assert source.loads == 0
        await source.known.renewed()
        await source.hands.move(59 * MINUTE)
        assert source.known.at_hand() == 12
        await source.hands.move(600 * MINUTE)
        assert source.loads == 24
        assert await source.known.renewed() == 25
    await source.known.close()


class Desk:
    """A process that keeps its keys young, in a time of its own."""

    def __init__(self) -> None:
        self.hands, clock, digest = Hands(), StoppedClock(), KeyDigest()
        self.keys = MemoryKeys()
        self.create = CreateKey(self.keys, clock, digest, secrets.token_bytes)
        self.revoke = RevokeKey(self.keys, clock)
        self.callers = KnownKeys(self.keys, digest, clock)
        self.callers._known = Refreshed(
            "The keys", self.callers._usable, TERMS, self.hands.seconds, self.hands.sleep
        )


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with beside(desk.callers.keep()):
        yield desk
    await desk.callers.close()


@pytest.mark.parametrize("quiet", [0.0, 0.1, 1.9, 2.0, MINUTE])
async def test_a_revoked_key_stops_within_five_seconds_whether_somebody_asks_or_not(
    desk: Desk, quiet: float
) -> None:
    made = await desk.create("load", Scope.WRITE, None)
    await desk.hands.move(TERMS.fresh + quiet)
    assert desk.callers.known(made.text) is not None
    await desk.revoke(made.key.id)
    await desk.hands.move(5)
    assert desk.callers.known(made.text) is None
    with pytest.raises(CredentialsRefused):
        await desk.callers.find(made.text)


class Counted(MemoryKeys):
    def __init__(self) -> None:
        super().__init__()
        self.trips = 0

    async def usable(self, now: datetime) -> Sequence[UsableKey]:
        self.trips += 1
        return await super().usable(now)


async def test_an_api_that_serves_reads_the_keys_before_anybody_asks_and_stops_at_its_end() -> None:
    keys = Counted()
    container = Container(settings=Settings(database_url=SecretStr(MEMORY), authentication="keys"))
    container.keys.override(providers.Object(keys))
    app = create_app(container)
    before = asyncio.all_tasks()
    async with app.router.lifespan_context(app), asyncio.timeout(MINUTE):
        while keys.trips < 2:  # noqa: ASYNC110 (the store tells nobody)
            await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
