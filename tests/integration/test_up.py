"""`watcher up`: one command, one directory, nothing left behind and nothing lost."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.programs import Program, program, until
from tests.integration.wire import END, START, answer
from tests.plain import PLAIN

SECONDS_TO_STOP = 10.0


class House:
    """A directory for `watcher up`, and the tries to come up on it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tries = 0
        self.data = root / "data"

    def up(self, port: int | None = None) -> AbstractContextManager[Program]:
        self._tries += 1
        log = self._root / f"up-{self._tries}.log"
        return program(log, "up", "--workers", "1", data_dir=str(self.data), port=port)

    def servers(self) -> list[psutil.Process]:
        """Every PostgreSQL process on the directory, and the keeper of it."""
        here = str(self.data)
        found = psutil.process_iter(["name", "cmdline", "cwd", "status"])
        return [
            each
            for each in found
            if (
                str(each.info["cwd"]).startswith(here)
                or any(here in part for part in each.info["cmdline"] or ())
            )
            and each.info["name"] != "watcher"
            and each.info["status"] != psutil.STATUS_ZOMBIE
        ]


@pytest.fixture
def house() -> Iterator[House]:
    temporary = tempfile.TemporaryDirectory(prefix="watcher-up-", dir="/tmp", ignore_cleanup_errors=True)
    with temporary as directory:
        Path(directory).chmod(0o755)
        yield House(Path(directory))


def _await(up: Program) -> None:
    """By its own word: a predecessor on the port may be ready, too."""
    until(lambda: "Watcher is up" in up.log or up.process.poll() is not None, 30, "Watcher is up")
    up.await_ready()


def _recorded(up: Program, name: str) -> int:
    """The id of a finished execution of a new pipeline."""
    with up.client() as client:
        pipeline = answer(client.post("/pipeline", json={"name": name, "pipeline_type_name": "load"}), 201)[
            "id"
        ]
        start = {"pipeline_id": pipeline, "start_date": START, "next_watermark": name}
        identity = int(answer(client.post("/start_pipeline_execution", json=start), 201)["id"])
        end = {"id": identity, "end_date": END, "completed_successfully": True}
        assert client.post("/end_pipeline_execution", json=end).status_code == 204
    return identity


def _knows(up: Program, *names: str) -> None:
    rows = httpx.get(f"{up.url}/pipeline", timeout=30, trust_env=False, verify=PLAIN).json()
    assert [(row["name"], row["watermark"]) for row in rows] == [(name, name) for name in names]


ANOTHER_SERVER = {
    "PGHOST": "elsewhere.invalid",
    "PGPORT": "9",
    "PGUSER": "somebody",
    "PGPASSWORD": "something",
    "PGDATABASE": "another",
    "PGSSLMODE": "verify-full",
    "PGTARGETSESSIONATTRS": "standby",
}


def test_it_comes_up_on_nothing_and_keeps_what_it_learns(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ANOTHER_SERVER.items():
        monkeypatch.setenv(name, value)
    for number, names in ((signal.SIGINT, ("first",)), (signal.SIGTERM, ("first", "second"))):
        with house.up() as up:
            _await(up)
            assert f"Watcher is up at {up.url}" in up.log
            assert str(house.data) in up.log
            _recorded(up, names[-1])
            _knows(up, *names)
            assert len(house.servers()) > 1

            up.process.send_signal(number)

            assert up.exit_code(SECONDS_TO_STOP) == 0, up.log
            assert "Watcher has stopped" in up.log
            assert "Traceback" not in up.log
            assert "Errno" not in up.log
        assert house.servers() == []


def test_a_second_one_on_the_directory_says_so_and_harms_nothing(house: House) -> None:
    with house.up() as first:
        _await(first)
        _recorded(first, "first")

        for port in (None, first.port):
            with house.up(port) as second:
                assert second.exit_code() == 1
                assert "already running" in second.log
                assert str(house.data) in second.log
                assert f"process {first.process.pid} at {first.url}" in second.log
                assert "Traceback" not in second.log

        _knows(first, "first")
        assert first.stopped() == 0
    assert house.servers() == []


def test_a_port_that_is_taken_is_named(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with house.up(port) as up:
            assert up.exit_code() == 1
            assert f"cannot listen on 127.0.0.1:{port}" in up.log
            assert "--port" in up.log
            assert "Traceback" not in up.log
    until(lambda: house.servers() == [], 10, "no PostgreSQL")


def test_killed_with_all_its_processes_it_recovers(house: House) -> None:
    with house.up() as up:
        _await(up)
        _recorded(up, "first")
        everyone = {*up.tree(), *house.servers()}
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        up.process.wait()
        psutil.wait_procs(everyone, timeout=10)

    with house.up(up.port) as again:
        _await(again)
        _knows(again, "first")
        _recorded(again, "second")
        assert again.stopped() == 0


def test_killed_alone_it_leaves_nothing_in_the_way(house: House) -> None:
    with house.up() as up:
        _await(up)
        _recorded(up, "first")
        workers = up.children()
        os.kill(up.process.pid, signal.SIGKILL)
        up.process.wait()
        assert psutil.wait_procs(workers, timeout=5)[1] == []

    with house.up(up.port) as again:
        _await(again)
        _knows(again, "first")
        assert again.stopped(signal.SIGINT) == 0
    assert house.servers() == []


def test_killed_alone_it_takes_its_postgres_along(house: House) -> None:
    with house.up() as up:
        until(lambda: len(house.servers()) > 1, 30, "PostgreSQL")
        os.kill(up.process.pid, signal.SIGKILL)
        up.process.wait()

        until(lambda: house.servers() == [], 15, "no PostgreSQL")
