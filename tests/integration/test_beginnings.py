"""What programs say at their start about a database or a broker that they cannot use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import PASSWORD, Broker, private_broker
from tests.integration.programs import free_port, program, until
from tests.server import Server

SECONDS = 90.0
WRONG = "wrong-and-hidden"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


def wrong(broker: Broker) -> str:
    return broker.url.replace(PASSWORD, WRONG)


def test_a_worker_without_its_database_says_so_and_begins(broker: Broker, tmp_path: Path) -> None:
    away = f"postgresql://nobody:{WRONG}@127.0.0.1:{free_port()}/none"
    with program(tmp_path / "log", "worker", database_url=away, broker_url=broker.url) as worker:
        until(lambda: "ready." in worker.log, SECONDS, "the worker")
        assert worker.log.count("Jobs wait until this changes: The database is not available:") == 1
        assert WRONG not in worker.log


def test_an_api_with_a_wrong_password_of_its_broker_says_so_and_serves(
    postgres: Server, template: str, broker: Broker, tmp_path: Path
) -> None:
    with (
        postgres.database(template) as dsn,
        program(tmp_path / "log", "api", database_url=dsn, broker_url=wrong(broker)) as api,
    ):
        api.await_ready()
        expected = (
            "Background work waits until this changes: The broker is not available: it is there and refuses"
        )
        assert api.log.count(expected) == 1
        with api.client() as client:
            (impaired, *_) = client.get("/health/ready").json()["impaired"]
        assert impaired == "The broker is not available: it is there and refuses user or password."
        assert WRONG not in api.log


@pytest.mark.parametrize("url", ["wrong password", "amqp://x:y@127.0.0.1:{port}//"])
def test_a_beat_that_cannot_reach_its_broker_says_so_and_begins(
    broker: Broker, tmp_path: Path, url: str
) -> None:
    named = wrong(broker) if url == "wrong password" else url.format(port=free_port())
    with program(tmp_path / "log", "beat", broker_url=named) as beat:
        until(lambda: "beat: Starting..." in beat.log, SECONDS, "the beat")
        assert beat.log.count("Nothing of the schedule is sent until this changes: The broker is not ") == 1
        assert WRONG not in beat.log
