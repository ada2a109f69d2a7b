"""`watcher worker --ping`: what a container asks about its worker."""

from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest
from celery.utils.nodenames import default_nodename

from tests.broker import Broker, private_broker
from tests.integration.programs import free_port, program
from watcher.adapters.bus.presence import SILENT_SECONDS, WORKERS, silent


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
    spoke(broker, default_nodename(""), SILENT_SECONDS / 2)
    assert pinged(broker, tmp_path / "log") == 0


def test_a_worker_is_not_that_is_silent_whatever_others_say(broker: Broker, tmp_path: Path) -> None:
    spoke(broker, default_nodename(""), SILENT_SECONDS + 10)
    spoke(broker, "celery@elsewhere", 0)
    assert pinged(broker, tmp_path / "log") == 1
    quiet = silent(broker.url)
    assert quiet is not None
    assert quiet >= SILENT_SECONDS


def test_a_worker_that_waits_for_its_broker_is_well(broker: Broker, tmp_path: Path) -> None:
    broker.kill()
    assert pinged(broker, tmp_path / "log") == 0
