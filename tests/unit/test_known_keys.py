"""Keys as a process knows them: no trip for a request, none for a key that there is not, and uses written in one go."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from tests.contract.world import NOON, StoppedClock
from tests.logs import logged
from watcher.adapters.identity import known_keys
from watcher.adapters.identity.known_keys import KnownKeys
from watcher.adapters.identity.refreshed import SourceUnavailable, Terms
from watcher.adapters.memory.keys import MemoryKeys
from watcher.domain.callers import Caller, CredentialsRefused, Scope
from watcher.domain.errors import StoreUnavailable
from watcher.domain.keys import CreatedKey, CreateKey, KeyDigest, UsableKey


class CountedKeys(MemoryKeys):
    """Keys in memory that count how they are asked, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.trips, self.noted, self.away = 0, 0, False

    async def usable(self, now: datetime) -> Sequence[UsableKey]:
        self.trips += 1
        self._require_there()
        return await super().usable(now)

    async def used(self, uses: Mapping[str, datetime]) -> None:
        self.noted += 1
        self._require_there()
        await super().used(uses)

    def _require_there(self) -> None:
        if self.away:
            raise StoreUnavailable("it is away")


class Desk:
    """A process that knows keys, with a clock that moves by hand."""

    def __init__(self, digest: KeyDigest, terms: Terms = known_keys.TERMS) -> None:
        self.keys, self.clock = CountedKeys(), StoppedClock()
        self.create = CreateKey(self.keys, self.clock, digest, secrets.token_bytes)
        self.callers = KnownKeys(self.keys, digest, self.clock, terms)

    async def key(self, lasting: timedelta | None = None) -> CreatedKey:
        return await self.create("load", Scope.WRITE, None if lasting is None else NOON + lasting)

    async def who(self, token: str) -> Caller:
        return self.callers.known(token) or await self.callers.find(token)


@pytest.fixture(params=[None, b"pepper of sixteen"], ids=["plain", "peppered"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    desk = Desk(KeyDigest(request.param))
    yield desk
    desk.keys.away = False
    await desk.callers.close()


async def test_a_bearer_is_known_by_the_key_and_its_scope(desk: Desk) -> None:
    made = await desk.key()
    assert await desk.who(made.text) == Caller(f"key:{made.key.id}", Scope.WRITE)


async def test_a_thousand_requests_make_one_trip(desk: Desk) -> None:
    made = await desk.key()
    await desk.who(made.text)
    before = desk.keys.trips
    for _ in range(1_000):
        assert desk.callers.known(made.text) is not None
    assert desk.keys.trips == before


async def test_a_thousand_unknown_keys_make_hardly_any(desk: Desk) -> None:
    desk.callers = KnownKeys(
        desk.keys, KeyDigest(), desk.clock, Terms(fresh=100, stale=200, kept=300, pause=100, patience=1)
    )
    for number in range(1_000):
        with pytest.raises(CredentialsRefused):
            await desk.who(f"wtc_{number}_{'x' * 43}")
    assert desk.keys.trips == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.rpartition("_")[0],
        lambda text: text[:13],
        lambda text: text.replace("wtc_", "wtc_x"),
        lambda text: text.upper(),
        lambda text: text.removeprefix("wtc_"),
        lambda text: "wtc_" + text,
        lambda _: "wtc__",
        lambda _: "",
    ],
)
async def test_a_key_that_is_not_whole_is_refused(desk: Desk, spoilt: "type[str]") -> None:
    made = await desk.key()
    await desk.who(made.text)
    with pytest.raises(CredentialsRefused):
        await desk.who(spoilt(made.text))


async def test_without_the_store_nothing_is_said_of_a_key_that_may_be_new(desk: Desk) -> None:
    desk.callers = KnownKeys(desk.keys, KeyDigest(), desk.clock, Terms(0, 0, 60, 0, 1))
    desk.create = CreateKey(desk.keys, desk.clock, KeyDigest(), secrets.token_bytes)
    made = await desk.key()
    await desk.callers.find(made.text)
    new = await desk.key()
    desk.keys.away = True
    assert await desk.callers.find(made.text) == Caller(f"key:{made.key.id}", Scope.WRITE)
    with pytest.raises(CredentialsRefused):
        await desk.callers.find(made.text + "x")
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await desk.callers.find(new.text)
    desk.keys.away = False
    assert await desk.callers.find(new.text) == Caller(f"key:{new.key.id}", Scope.WRITE)
    with pytest.raises(CredentialsRefused):
        await desk.callers.find("wtc_aaaaaaaa_x")


async def test_a_key_expires_at_its_instant_without_being_read_again(desk: Desk) -> None:
    made = await desk.key(timedelta(seconds=60))
    await desk.who(made.text)
    desk.clock.instant = NOON + timedelta(seconds=60) - timedelta(microseconds=1)
    assert desk.callers.known(made.text) is not None
    desk.clock.instant = NOON + timedelta(seconds=60)
    assert desk.callers.known(made.text) is None
    with pytest.raises(CredentialsRefused, match="expired"):
        await desk.callers.find(made.text)


async def test_keys_made_with_another_pepper_are_refused(desk: Desk) -> None:
    made = await desk.key()
    other = KnownKeys(desk.keys, KeyDigest(b"another of sixteen"), desk.clock)
    with pytest.raises(CredentialsRefused):
        await other.find(made.text)
    await other.close()


async def test_uses_are_written_in_one_go_at_the_end(desk: Desk) -> None:
    first, second, third = [await desk.key() for _ in range(3)]
    for seconds in range(10):
        desk.clock.instant = NOON + timedelta(seconds=seconds)
        await desk.who(first.text)
    await desk.who(second.text)
    assert desk.keys.noted == 0
    await desk.callers.close()
    assert desk.keys.noted == 1
    used = {each.id: each.last_used_at for each in await desk.keys.all()}
    assert used == {first.key.id: desk.clock.now(), second.key.id: desk.clock.now(), third.key.id: None}


async def test_uses_are_written_every_so_often_and_again_when_that_failed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "NOTING_SECONDS", 0.01)
    made = await desk.key()
    await desk.who(made.text)
    desk.keys.away = True
    async with asyncio.timeout(60):
        with logged() as log:
            while desk.keys.noted < 2:  # noqa: ASYNC110 (the store tells nobody)
                await asyncio.sleep(0.01)
        assert "could not be written down" in log.getvalue()
        desk.keys.away = False
        while (await desk.keys.all())[0].last_used_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    noted = desk.keys.noted
    await asyncio.sleep(0.05)
    assert desk.keys.noted == noted


async def test_a_refused_key_counts_as_no_use(desk: Desk) -> None:
    made = await desk.key()
    with pytest.raises(CredentialsRefused):
        await desk.who(made.text[:-1])
    await desk.callers.close()
    assert [each.last_used_at for each in await desk.keys.all()] == [None]
