"""The parts of the task bus. What only a broker needs is imported where one is named: others save its memory."""

import asyncio
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from watcher.domain.clock import Clock
from watcher.domain.delivery import PerformJob
from watcher.domain.diagnosis_broker import BrokerExams
from watcher.domain.durations import Durations
from watcher.domain.error_rates import Tallies
from watcher.domain.health import Probes
from watcher.domain.jobs import JOBS, Jobs
from watcher.domain.queues import Queues
from watcher.domain.rates import Debts
from watcher.settings import Settings


@dataclass(frozen=True, slots=True)
class Background:
    """What a process of a worker needs: the job that a message asks for, and where what it took is counted."""

    perform_job: PerformJob
    durations: Durations
    clock: Clock
    tally: Tallies


@runtime_checkable
class Closing(Protocol):
    """What holds connections to a broker."""

    async def close(self) -> None: ...


def broker(settings: Settings) -> str:
    """The broker of the settings. Raises `ValueError` without one."""
    if settings.broker_url is None:
        raise ValueError("WATCHER_BROKER_URL is not set")
    return settings.broker_url.get_secret_value()


def jobs(settings: Settings) -> Jobs:
    from watcher.adapters.bus.application import application
    from watcher.adapters.bus.celery_jobs import CeleryJobs

    url = broker(settings)
    return CeleryJobs(lambda: application(url, JOBS, settings.schedule, impatient=True))


def queues(settings: Settings) -> Queues:
    from watcher.adapters.bus.application import application
    from watcher.adapters.bus.connection import is_redis, redis
    from watcher.adapters.bus.declared_queues import DeclaredQueues
    from watcher.adapters.bus.redis_queues import RedisQueues

    url = broker(settings)
    if is_redis(url):
        return RedisQueues(redis(url))
    return DeclaredQueues(application(url, JOBS, settings.schedule, impatient=True))


def durations(settings: Settings) -> Durations:
    """Kept in Redis; beside another broker each process only knows its own."""
    from watcher.adapters.bus.connection import is_redis, redis
    from watcher.adapters.bus.redis_durations import RedisDurations
    from watcher.adapters.memory.durations import MemoryDurations

    url = broker(settings)
    return RedisDurations(redis(url)) if is_redis(url) else MemoryDurations()


def debts(settings: Settings) -> Debts | None:
    """Kept in Redis; other brokers have no place for them."""
    from watcher.adapters.bus.connection import is_redis, redis
    from watcher.adapters.bus.redis_debts import RedisDebts

    url = broker(settings)
    return RedisDebts(redis(url)) if is_redis(url) else None


def probes(settings: Settings) -> Probes:
    from watcher.adapters.bus.application import application
    from watcher.adapters.bus.connection import is_redis, redis
    from watcher.adapters.bus.declared_queues import DeclaredQueues
    from watcher.adapters.bus.redis_queues import RedisProbes

    url = broker(settings)
    if is_redis(url):
        return RedisProbes(redis(url))
    return DeclaredQueues(application(url, JOBS, settings.schedule, impatient=True))


def exams(settings: Settings, clock: Clock) -> BrokerExams:
    from watcher.adapters.bus.application import application
    from watcher.adapters.bus.connection import is_redis, redis
    from watcher.adapters.bus.declared_queues import DeclaredQueues
    from watcher.adapters.bus.redis_exams import DeclaredExams, RedisExams
    from watcher.adapters.bus.redis_queues import RedisQueues

    url = broker(settings)
    if is_redis(url):
        return RedisExams(redis(url), RedisQueues(redis(url)), clock)
    return DeclaredExams(DeclaredQueues(application(url, JOBS, settings.schedule, impatient=True)), clock)


async def closed(*parts: object) -> None:
    """Lets go of what these parts are connected to. What waits to be announced is sent, if that can be done soon."""
    from watcher.adapters.bus.celery_jobs import CeleryJobs

    for part in parts:
        match part:
            case CeleryJobs():
                await asyncio.to_thread(part.close)
            case Closing():
                await part.close()
