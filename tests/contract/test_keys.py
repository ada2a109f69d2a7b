"""Keys: made once, kept without their secret, revoked for good, and known when they were used last."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from tests.contract.world import NOON, World, at
from tests.server import fetch
from watcher.domain.callers import Scope
from watcher.domain.errors import InvalidValue, StoreRefused
from watcher.domain.keys import MOST_USABLE, ApiKey, CreateKey, KeyDigest, KeyNotFound, TooManyKeys, UsableKey


def key(identity: str, seconds: float = 0, *, expires_at: datetime | None = None) -> ApiKey:
    return ApiKey(
        id=identity, name=f"of {identity}", scope=Scope.WRITE, created_at=at(seconds), expires_at=expires_at
    )


async def created(world: World, identity: str, seconds: float = 0, lasting: float | None = None) -> bytes:
    """The digest of the key."""
    digest = sha256(identity.encode()).digest()
    expires_at = None if lasting is None else at(seconds + lasting)
    await world.watcher.keys.create(key(identity, seconds, expires_at=expires_at), digest)
    return digest


async def test_a_key_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    made = await world.watcher.create_key("  nightly load ", Scope.WRITE)

    prefix, identity, secret = made.text.split("_", 2)
    assert (prefix, len(identity), len(secret)) == ("wtc", 8, 43)
    assert made.key == ApiKey(id=identity, name="nightly load", scope=Scope.WRITE, created_at=NOON)
    assert await world.watcher.keys.all() == [made.key]
    assert await world.watcher.keys.usable(NOON) == [
        UsableKey(identity, Scope.WRITE, sha256(secret.encode()).digest())
    ]
    assert secret not in f"{made!r} {await world.watcher.keys.usable(NOON)!r}"


async def test_no_two_keys_are_alike(world: World) -> None:
    texts = {(await world.watcher.create_key("same", Scope.READ)).text for _ in range(20)}
    assert len(texts) == len({text.split("_")[1] for text in texts}) == 20


async def test_nothing_of_a_secret_is_in_the_store(world: World) -> None:
    made = await world.watcher.create_key("load", Scope.ADMIN)
    if world.store == "postgres":
        secret = made.text.split("_", 2)[2]
        ((row,),) = await fetch(world.dsn, "SELECT k::TEXT FROM api_key AS k")
        assert secret not in str(row)
        assert secret.encode().hex() not in str(row)


async def test_with_a_pepper_the_digest_needs_it(world: World) -> None:
    peppered = KeyDigest(b"pepper of sixteen")
    made = await CreateKey(world.watcher.keys, world.clock, peppered, secrets.token_bytes)("load", Scope.READ)
    secret = made.text.split("_", 2)[2]
    (usable,) = await world.watcher.keys.usable(NOON)
    assert usable.digest == peppered(secret)
    assert usable.digest not in (KeyDigest()(secret), KeyDigest(b"another of sixteen")(secret))
    assert "pepper" not in repr(peppered)


@pytest.mark.parametrize("expires_at", [NOON, at(-1), datetime(2026, 3, 1, 12)])  # noqa: DTZ001, read as UTC
async def test_a_key_expires_in_the_future(world: World, expires_at: datetime) -> None:
    with pytest.raises(InvalidValue, match="expires must lie in the future"):
        await world.watcher.create_key("load", Scope.READ, expires_at)
    assert await world.watcher.keys.all() == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 151, "a\x00b", "\ud800"])
async def test_a_name_is_something_to_read(world: World, name: str) -> None:
    with pytest.raises(InvalidValue, match="name"):
        await world.watcher.create_key(name, Scope.READ)


async def test_an_expired_key_is_listed_and_cannot_be_used(world: World) -> None:
    made = await world.watcher.create_key("load", Scope.READ, datetime(2026, 3, 1, 13, tzinfo=UTC))

    before, instant = at(3_600) - timedelta(microseconds=1), at(3_600)
    assert [each.id for each in await world.watcher.keys.usable(before)] == [made.key.id]
    assert await world.watcher.keys.usable(instant) == []
    assert [each.state(instant) for each in await world.watcher.keys.all()] == ["expired"]
    assert made.key.state(before) == "usable"


async def test_a_revoked_key_stays_revoked_since_the_first_time(world: World) -> None:
    made = await world.watcher.create_key("load", Scope.READ)
    other = await world.watcher.create_key("load", Scope.READ)
    world.clock.instant = at(60)
    first = await world.watcher.revoke_key(made.key.id)
    world.clock.instant = at(120)

    assert await world.watcher.revoke_key(made.key.id) == first == replace(made.key, revoked_at=at(60))
    assert first.state(at(120)) == "revoked"
    assert [each.id for each in await world.watcher.keys.usable(at(120))] == [other.key.id]


async def test_a_key_that_there_is_not_cannot_be_revoked(world: World) -> None:
    with pytest.raises(KeyNotFound, match="There is no key nobody"):
        await world.watcher.revoke_key("nobody")


async def test_keys_are_listed_as_they_came(world: World) -> None:
    for identity, seconds in (("b", 0), ("c", 5), ("a", 5), ("d", -5)):
        await created(world, identity, seconds)
    assert [each.id for each in await world.watcher.keys.all()] == ["d", "b", "a", "c"]


async def test_an_id_is_there_once(world: World) -> None:
    digest = await created(world, "a")
    with pytest.raises(StoreRefused):
        await world.watcher.keys.create(key("a"), b"x" * 32)
    assert [each.digest for each in await world.watcher.keys.usable(NOON)] == [digest]


async def test_the_last_use_only_moves_forward(world: World) -> None:
    for identity in ("a", "b", "c"):
        await created(world, identity)
    await world.watcher.keys.used({"b": at(20), "a": at(10), "nobody": at(1)})
    await world.watcher.keys.used({"a": at(5), "b": at(30)})
    await world.watcher.keys.used({})
    assert [each.last_used_at for each in await world.watcher.keys.all()] == [at(10), at(30), None]


async def test_processes_may_note_uses_at_once(world: World) -> None:
    identities = [f"k{number:02d}" for number in range(20)]
    for identity in identities:
        await created(world, identity)
    await asyncio.gather(
        *(
            world.watcher.keys.used(
                {identity: at(turn) for identity in (identities, identities[::-1])[turn % 2]}
            )
            for turn in range(10)
        )
    )
    assert {each.last_used_at for each in await world.watcher.keys.all()} == {at(9)}


async def test_so_many_keys_are_usable_and_no_more(world: World) -> None:
    for number in range(MOST_USABLE):
        await created(world, f"k{number}", lasting=60 if number == 0 else None)
    with pytest.raises(TooManyKeys, match="1,000"):
        await world.watcher.create_key("one more", Scope.READ)
    world.clock.instant = at(60)
    await world.watcher.create_key("in place of the expired", Scope.READ)
    with pytest.raises(TooManyKeys):
        await world.watcher.create_key("one more", Scope.READ)
    await world.watcher.revoke_key("k7")
    await world.watcher.create_key("in place of the revoked", Scope.READ)
