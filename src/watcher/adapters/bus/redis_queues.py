"""The queues that Celery keeps in Redis, read where they are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson
from redis.asyncio import Redis

from watcher.adapters.bus.application import SENT_AT
from watcher.adapters.bus.connection import answering
from watcher.adapters.bus.presence import ALIVE_SECONDS, WORKERS
from watcher.domain.queues import Backlog, BrokerUnavailable, Queue

PEEK = 500
"""How many messages at each end of a queue are read: the oldest, and the newest."""

UNACKED = "unacked"
OTHER = "other"
"""The task of a message that is none of Celery's."""


class RedisQueues:
    """`Queues` of a Redis. Celery pushes messages on the left and takes them from the right."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def backlog(self, now: datetime) -> Backlog:
        async with answering(), self._redis.pipeline(transaction=True) as pipeline:
            for queue in Queue:
                pipeline.llen(queue)
                pipeline.lrange(queue, -PEEK, -1)
                pipeline.lrange(queue, 0, PEEK - 1)
            pipeline.hlen(UNACKED)
            pipeline.zcount(WORKERS, now.timestamp() - ALIVE_SECONDS, "+inf")
            *read, in_progress, workers = await pipeline.execute()
        lengths = dict(zip(Queue, read[::3], strict=True))
        peeked = [
            message
            for length, oldest, newest in zip(read[::3], read[1::3], read[2::3], strict=True)
            for message in _each_once(length, oldest, newest)
        ]
        found = [_task_and_time(message) for message in peeked]
        return Backlog(
            queues={queue.value: length for queue, length in lengths.items()},
            tasks=Counter(task for task, _ in found),
            looked_at=len(peeked),
            in_progress=in_progress,
            oldest_seconds=_age([sent for _, sent in found], now),
            workers=workers,
        )

    async def close(self) -> None:
        await self._redis.aclose()


class RedisProbes:
    """`Probes` of a broker that is a Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def obstacles(self) -> Sequence[str]:
        try:
            async with answering():
                await self._redis.ping()
        except BrokerUnavailable as error:
            return [str(error)]
        return []

    async def close(self) -> None:
        await self._redis.aclose()


def _each_once(length: int, oldest: list[bytes], newest: list[bytes]) -> list[bytes]:
    """What was read of one queue, of which both ends are the same where it is short."""
    return [*newest[: max(length - len(oldest), 0)], *oldest]


def _task_and_time(message: bytes) -> tuple[str, float | None]:
    """The task that a message is for, and when it was sent, as far as it says so."""
    try:
        headers = orjson.loads(message)["headers"]
        task, sent = headers.get("task", OTHER), headers.get(SENT_AT)
    except (ValueError, LookupError, TypeError, AttributeError):
        return OTHER, None
    return str(task), float(sent) if isinstance(sent, int | float) else None


def _age(times: Iterable[float | None], now: datetime) -> float | None:
    known = [time for time in times if time is not None]
    return round(max(now.timestamp() - min(known), 0.0), 3) if known else None
