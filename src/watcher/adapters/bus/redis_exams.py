"""What `watcher doctor` asks a broker."""

from time import perf_counter

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from watcher.adapters.bus.connection import answering
from watcher.adapters.bus.declared_queues import DeclaredQueues
from watcher.adapters.bus.redis_queues import RedisQueues
from watcher.domain.clock import Clock
from watcher.domain.diagnosis_broker import BrokerFacts
from watcher.domain.queues import BrokerUnavailable


class RedisExams:
    """`BrokerExams` of a broker that is a Redis, or one that took its place."""

    def __init__(self, redis: Redis, queues: RedisQueues, clock: Clock) -> None:
        self._redis, self._queues, self._clock = redis, queues, clock

    async def examined(self) -> BrokerFacts | BrokerUnavailable:
        try:
            async with answering():
                await self._redis.ping()
                began = perf_counter()
                await self._redis.ping()
                seconds = perf_counter() - began
                info = await self._redis.info()
                configured = await self._configured()
            backlog = await self._queues.backlog(self._clock.now())
        except BrokerUnavailable as error:
            return error
        return BrokerFacts(
            version=_version(info),
            answer_seconds=seconds,
            eviction=configured.get("maxmemory-policy"),
            appends=configured["appendonly"] == "yes" if "appendonly" in configured else None,
            backlog=backlog,
        )

    async def _configured(self) -> dict[str, str]:
        """Nothing, where the server does not tell: hosted ones often keep that to themselves."""
        try:
            found = await self._redis.config_get("maxmemory-policy", "appendonly")
        except ResponseError:
            return {}
        return {_text(name): _text(value) for name, value in found.items()}

    async def close(self) -> None:
        await self._redis.aclose()
        await self._queues.close()


class DeclaredExams:
    """`BrokerExams` of any other broker."""

    def __init__(self, queues: DeclaredQueues, clock: Clock) -> None:
        self._queues, self._clock = queues, clock

    async def examined(self) -> BrokerFacts | BrokerUnavailable:
        began = perf_counter()
        try:
            backlog = await self._queues.backlog(self._clock.now())
        except BrokerUnavailable as error:
            return error
        return BrokerFacts(
            version=None, answer_seconds=perf_counter() - began, eviction=None, appends=None, backlog=backlog
        )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _version(info: dict[str, str]) -> str:
    """Valkey tells its own version beside that of the Redis whose place it takes."""
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"
