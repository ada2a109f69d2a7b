"""The Redis behind a broker's URL, asked without patience."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from watcher.adapters.bus.remedies import unavailable

SECONDS = 2.0
"""For all that is asked at once."""

SCHEMES = ("redis", "rediss", "unix")
SOCKET = "redis+socket"


def is_redis(broker_url: str) -> bool:
    """Whether the broker is a Redis that can be looked into."""
    return urlsplit(broker_url).scheme in {*SCHEMES, SOCKET}


def redis(broker_url: str) -> "Redis":
    """A client of the database that Celery uses; it connects when first asked."""
    pool = BlockingConnectionPool.from_url(
        url_of_client(broker_url),
        timeout=SECONDS,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        max_connections=4,
        retry=Retry(NoBackoff(), 1),  # for a connection that broke while nobody used it
    )
    return Redis.from_pool(pool)


def url_of_client(broker_url: str) -> str:
    """The URL as redis-py reads it: Celery has a scheme and a parameter of its own for sockets."""
    parts = urlsplit(broker_url)
    if parts.scheme != SOCKET:
        return broker_url
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    database = query.pop("virtual_host", "0").strip("/") or "0"
    # Not by `urlunsplit`, which leaves out slashes that redis-py asks for.
    return f"unix://{parts.netloc}{parts.path}?{urlencode(query | {'db': database})}"


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Raises `BrokerUnavailable` where Redis does not answer, or not in time."""
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise unavailable(error) from error
