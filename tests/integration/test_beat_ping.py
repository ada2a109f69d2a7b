"""`watcher beat --ping`: what a container asks about its beat."""

import os
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest

from tests.broker import Broker, private_broker
from tests.integration.programs import free_port, program, until
from watcher.adapters.bus.pulse import SILENT_SECONDS, Pulse, place


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the beats that are started here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return place()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


def pinged(file: Path, url: str) -> int:
    with program(file.parent / "ping.log", "beat", "--ping", broker_url=url) as ping:
        return ping.exit_code(60)


def age(file: Path, seconds: float) -> None:
    then = time() - seconds
    os.utime(file, (then, then))


@pytest.mark.parametrize("away", [False, True], ids=["broker", "none"])
def test_a_beat_lives_that_turns_with_its_broker_and_without(broker: Broker, file: Path, away: bool) -> None:
    if away:
        broker.kill()
    assert pinged(file, broker.url) == 1
    with program(file.parent / "log", "beat", broker_url=broker.url):
        until(file.exists, 60, "the beat turns")
        age(file, SILENT_SECONDS + 10)
        until(Pulse(file).is_felt, 60, "it goes on turning")
        assert pinged(file, broker.url) == 0


def test_a_beat_is_hung_that_did_not_turn_for_long(file: Path) -> None:
    Pulse(file).beat()
    assert Pulse(file).is_felt()
    for seconds in (SILENT_SECONDS + 10, -SILENT_SECONDS - 10):
        age(file, seconds)
        assert not Pulse(file).is_felt()
    Pulse(file).beat()
    assert Pulse(file).is_felt()
