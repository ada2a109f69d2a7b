"""`watcher worker --ping`: what a container asks about its worker."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from time import time

import pytest
from celery.utils.nodenames import gethostname

from tests.broker import Broker, private_broker
from tests.integration.programs import Program, free_port, program, until
from watcher.adapters.bus.presence import (
    ALIVE_SECONDS,
    MOST_REMEMBERED,
    SILENT_SECONDS,
    WORKERS,
    node,
    silent,
)

SECONDS = 60.0


@pytest.fixture
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


def spoke(broker: Broker, name: str, seconds_ago: float) -> None:
    with broker.client() as client:
        client.zadd(WORKERS, {name: time() - seconds_ago})


def pinged(broker: Broker, log: Path) -> int:
    with program(log, "worker", "--ping", broker_url=broker.url) as ping:
        return ping.exit_code(60)


def test_a_worker_is_alive_that_spoke_a_little_while_ago(broker: Broker, tmp_path: Path) -> None:
    spoke(broker, f"watcher-1-of-the-tests@{gethostname()}", SILENT_SECONDS / 2)
    assert pinged(broker, tmp_path / "log") == 0


def test_a_worker_is_not_that_is_silent_whatever_others_say(broker: Broker, tmp_path: Path) -> None:
    spoke(broker, f"watcher-1-of-the-tests@{gethostname()}", SILENT_SECONDS + 10)
    spoke(broker, "celery@elsewhere", 0)
    assert pinged(broker, tmp_path / "log") == 1
    (said,) = (tmp_path / "log").read_text().splitlines()
    assert said.startswith("Redis has heard from no worker of this host for 7")
    quiet = silent(broker.url)
    assert quiet is not None
    assert quiet >= SILENT_SECONDS


def test_a_worker_that_waits_for_its_broker_is_well(broker: Broker, tmp_path: Path) -> None:
    broker.kill()
    assert pinged(broker, tmp_path / "log") == 0


def test_a_host_of_which_redis_never_heard_is_told_so(broker: Broker, tmp_path: Path) -> None:
    assert pinged(broker, tmp_path / "log") == 1
    (said,) = (tmp_path / "log").read_text().splitlines()
    assert said.startswith("Redis has not heard from any worker of this host")


def test_one_of_several_workers_of_a_host_that_speaks_is_enough(broker: Broker) -> None:
    spoke(broker, node(), SILENT_SECONDS + 10)
    spoke(broker, node(), 0)
    assert silent(broker.url) is None


def begun(broker: Broker, log: Path) -> AbstractContextManager[Program]:
    """A worker whose database is away: it is there all the same."""
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    return program(log, "worker", "--concurrency", "1", database_url=away, broker_url=broker.url)


def test_two_workers_of_a_host_are_two_and_what_one_leaves_behind_is_bounded(
    broker: Broker, tmp_path: Path
) -> None:
    with broker.client() as client:
        client.zadd(WORKERS, {f"watcher-{number}@killed": time() - 3_600 for number in range(2_000)})
        with begun(broker, tmp_path / "one") as one:
            until(lambda: alive(broker) == 1, SECONDS, "the first")
            with begun(broker, tmp_path / "two") as two:
                until(lambda: alive(broker) == 2, SECONDS, "both")
                until(lambda: client.zcard(WORKERS) == MOST_REMEMBERED, SECONDS, "the bound")
                keys = set(client.keys())
                assert one.stopped() == 0
                assert alive(broker) == 1
                two.destroy()
        assert set(client.keys()) <= keys, "what a worker leaves in Redis bears no name of its own"


def alive(broker: Broker) -> int:
    """The workers that `monitor-queue` counts."""
    with broker.client() as client:
        return int(client.zcount(WORKERS, time() - ALIVE_SECONDS, "+inf"))
