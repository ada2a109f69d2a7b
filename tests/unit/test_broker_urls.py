"""A broker behind a socket is named as Celery names it, and found by redis-py too."""

import pytest
from redis import ConnectionPool

from watcher.adapters.bus.connection import url_of_client


@pytest.mark.parametrize(
    ("broker_url", "found"),
    [
        ("redis+socket:///run/redis.sock", {"path": "/run/redis.sock", "db": 0}),
        ("redis+socket:///run/redis.sock?virtual_host=3", {"path": "/run/redis.sock", "db": 3}),
        (
            "redis+socket://:secret@/run/redis.sock",
            {"path": "/run/redis.sock", "password": "secret", "db": 0},
        ),
    ],
)
def test_a_socket_is_read_as_celery_reads_it(broker_url: str, found: dict[str, object]) -> None:
    read = ConnectionPool.from_url(url_of_client(broker_url)).connection_kwargs
    assert {name: read.get(name) for name in found} == found


def test_what_is_no_socket_stays_as_it_is() -> None:
    assert url_of_client("rediss://:secret@host:6379/2") == "rediss://:secret@host:6379/2"
