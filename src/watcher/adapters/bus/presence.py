"""Which workers are alive: each says so now and again, as long as it is connected to its broker."""

import logging
import os
from math import inf
from secrets import token_hex
from time import time
from typing import Any

from celery import bootsteps
from celery.utils.nodenames import gethostname, nodename, nodesplit
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from watcher.adapters.bus.connection import url_of_client

log = logging.getLogger(__name__)

WORKERS = "watcher:workers"
PULSE_SECONDS = 5.0
ALIVE_SECONDS = 20.0
FORGOTTEN_SECONDS = 86_400.0
MOST_REMEMBERED = 1_000
"""Workers of which Redis keeps when they spoke, however many were killed and begun anew."""

PATIENCE_SECONDS = 5.0
SILENT_SECONDS = 60.0
"""After which a worker that could speak to its broker is taken for hung."""


def node() -> str:
    """A name for the worker of this process that no other has: not on its host, not in another container as process 1."""
    return nodename(f"watcher-{os.getpid()}-{token_hex(4)}", gethostname())


def silent(broker_url: str) -> float | None:
    """For how many seconds all workers of this host have said nothing, if that is too long; infinite if none ever spoke.

    None where one spoke, and where nobody can tell, for the broker is away: a worker that waits for that is well.
    """
    with Redis.from_url(url_of_client(broker_url), socket_timeout=2, socket_connect_timeout=2) as redis:
        try:
            found = redis.zrange(WORKERS, 0, -1, withscores=True)
        except (RedisError, OSError):
            return None
    here = gethostname()
    spoke = [at for name, at in found if nodesplit(name.decode())[1] == here]
    quiet = time() - max(spoke, default=-inf)
    return quiet if quiet > SILENT_SECONDS else None


class Presence(bootsteps.StartStopStep):
    """A part of a worker's consumer, so that it stops when that is not connected. The broker has to be a Redis.

    It has one connection for as long as the consumer has, and when that breaks it has the consumer connect anew.
    A consumer whose every message is being worked on does not listen, and would never notice by itself that its
    broker was away: acknowledgements that failed meanwhile would count for ever as work that is being done.
    """

    requires = ("celery.worker.consumer.connection:Connection",)

    def __init__(self, parent: Any, **_: Any) -> None:
        self._name = parent.hostname
        self._timer: Any = None
        self._connections = ConnectionPool.from_url(
            url_of_client(parent.app.conf.broker_url),
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._connection: Any = None

    def start(self, parent: Any) -> None:
        self._connection = self._connections.make_connection()
        self._say()
        self._timer = parent.timer.call_repeatedly(PULSE_SECONDS, self._say)

    def stop(self, _: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._connection.disconnect()
            self._connection = None

    def shutdown(self, parent: Any) -> None:
        self.stop(parent)
        self._connection = self._connections.make_connection()
        try:
            self._tell("ZREM", WORKERS, self._name)
        except (RedisError, OSError) as error:
            log.info("This worker could not say that it ends: %s", type(error).__name__)
        self.stop(parent)

    def _say(self) -> None:
        """Raises what Celery takes for the loss of the broker, where it does not answer."""
        now = time()
        try:
            self._tell("ZADD", WORKERS, now, self._name)
            self._tell("ZREMRANGEBYSCORE", WORKERS, 0, now - FORGOTTEN_SECONDS)
            self._tell("ZREMRANGEBYRANK", WORKERS, 0, -MOST_REMEMBERED - 1)
        except ResponseError as error:
            log.info("This worker could not say that it lives: %s", error)

    def _tell(self, *command: str | float) -> None:
        self._connection.send_command(*command)
        self._connection.read_response()
