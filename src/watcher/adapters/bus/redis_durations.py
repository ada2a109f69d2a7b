"""How long jobs take, counted in Redis by all workers together."""

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from redis.asyncio import Redis

from watcher.adapters.bus.connection import answering
from watcher.domain.durations import WINDOW, Measured, bucket, summed
from watcher.domain.jobs import Job
from watcher.domain.queues import BrokerUnavailable

log = logging.getLogger(__name__)

MINUTES = int(WINDOW.total_seconds()) // 60
MICROSECONDS = b"us"
"""The field with the sum; the others are numbers of buckets."""


class RedisDurations:
    """`Durations` in one hash for each job and minute, which Redis forgets by itself after the window."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def record(self, job: Job, seconds: float, now: datetime) -> None:
        key = _key(job, _minute(now))
        try:
            async with answering(), self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hincrby(key, str(bucket(seconds)), 1)
                pipeline.hincrby(key, MICROSECONDS.decode(), round(seconds * 1_000_000))
                pipeline.expire(key, int(WINDOW.total_seconds()) + 60)
                await pipeline.execute()
        except BrokerUnavailable as error:
            log.info("A duration of %s is not counted: %s", job, error)

    async def measured(self, now: datetime) -> Mapping[Job, Measured]:
        minutes = range(_minute(now) - MINUTES + 1, _minute(now) + 1)
        keys = [(job, _key(job, minute)) for job in Job for minute in minutes]
        async with answering(), self._redis.pipeline(transaction=False) as pipeline:
            for _, key in keys:
                pipeline.hgetall(key)
            hashes = await pipeline.execute()
        totals: dict[Job, Counter[bytes]] = {job: Counter() for job in Job}
        for (job, _), fields in zip(keys, hashes, strict=True):
            totals[job].update({name: int(value) for name, value in fields.items()})
        return {job: measured for job, fields in totals.items() if (measured := _measured(fields))}

    async def close(self) -> None:
        await self._redis.aclose()


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def _key(job: Job, minute: int) -> str:
    return f"watcher:durations:{job}:{minute}"


def _measured(fields: Counter[bytes]) -> Measured | None:
    microseconds = fields.pop(MICROSECONDS, 0)
    return summed({int(name): count for name, count in fields.items()}, microseconds / 1_000_000)
