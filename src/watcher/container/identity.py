"""Who may do what: where keys are kept, and who finds the bearer of a token."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from dependency_injector import providers
from dependency_injector.providers import Provider

from watcher.adapters.identity.known_keys import KnownKeys
from watcher.adapters.postgres.keys import PostgresKeys
from watcher.container.stores import Stores
from watcher.container.tasks import Tasks
from watcher.domain.callers import Callers
from watcher.domain.clock import Clock
from watcher.domain.issuer import Issuer
from watcher.domain.keys import CreateKey, KeyDigest, Keys, RevokeKey
from watcher.settings import Settings

T = TypeVar("T")


class Around(Protocol):
    """What is put around the reading of an issuer's keys."""

    def __call__(self, read: Callable[[Issuer], Awaitable[T]]) -> Callable[[Issuer], Awaitable[T]]: ...


def _nothing(read: Callable[[Issuer], Awaitable[T]]) -> Callable[[Issuer], Awaitable[T]]:
    return read


def _digest(settings: Settings) -> KeyDigest:
    pepper = settings.key_pepper
    return KeyDigest(None if pepper is None else pepper.get_secret_value().encode())


def _callers(settings: Settings, keys: Callers, clock: Clock, around: Around) -> Callers:
    """What reads tokens of an issuer is imported where there is one: others save its memory."""
    issuer = settings.issuer()
    if issuer is None:
        return keys
    from watcher.adapters.identity.bearer_tokens import BearerTokens  # noqa: PLC0415 (as said above)
    from watcher.adapters.identity.either import KeysOrTokens  # noqa: PLC0415
    from watcher.adapters.identity.key_set import read_keys  # noqa: PLC0415

    return KeysOrTokens(keys, BearerTokens(issuer, clock, read=around(read_keys)))


class Identity(Tasks):
    """Keys, and callers by keys and by what else the settings accept."""

    key_digest: Provider[KeyDigest] = providers.Singleton(_digest, Stores.settings)
    random_bytes: Provider[Callable[[int], bytes]] = providers.Object(secrets.token_bytes)
    keys: Provider[Keys] = providers.Selector(
        Stores.store,
        memory=Stores.memory_keys,
        postgres=providers.Singleton(PostgresKeys, Stores.database),
    )
    create_key: Provider[CreateKey] = providers.Singleton(
        CreateKey, keys, Stores.clock, key_digest, random_bytes
    )
    revoke_key: Provider[RevokeKey] = providers.Singleton(RevokeKey, keys, Stores.clock)
    known_keys: Provider[Callers] = providers.Singleton(KnownKeys, keys, key_digest, Stores.clock)
    around_issuer: Provider[Around] = providers.Object(_nothing)
    callers: Provider[Callers] = providers.Singleton(
        _callers, Stores.settings, known_keys, Stores.clock, around_issuer
    )
