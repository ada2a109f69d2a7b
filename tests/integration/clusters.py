"""Embedded clusters to maltreat, and programs that use them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
import pytest

from tests.integration.programs import is_over, until
from watcher.adapters.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

QUICK = {"fsync": "off"}

SHARING = """
import sys
from pathlib import Path
from watcher.adapters.embedded import EmbeddedPostgres
cluster = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
cluster.start()
print("started", flush=True)
sys.stdin.readline()
cluster.stop()
"""

FORKING = """
import os, sys
from pathlib import Path
from watcher.adapters.embedded import EmbeddedPostgres
cluster = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
cluster.start()
if os.fork() == 0:
    cluster.stop()
    os._exit(0)
os.wait()
print("forked", flush=True)
sys.stdin.readline()
cluster.stop()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="a parent-death signal is Linux's")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


@contextmanager
def temporary() -> Iterator[Path]:
    """A directory that every user can enter (pytest's own are private to root)."""
    directory = Path(tempfile.mkdtemp(prefix="watcher-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    end_server(directory / "home")
    shutil.rmtree(directory)


def end_server(home: Path) -> None:
    server = server_pid(home)
    if server is not None and not gone(server):
        os.kill(server, signal.SIGQUIT)
        eventually(lambda: gone(server))


def query(cluster: EmbeddedPostgres, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(cluster.dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def server_pid(home: Path) -> int | None:
    path = home / "data" / "postmaster.pid"
    return int(path.read_text().split()[0]) if path.exists() else None


def running(home: Path) -> int:
    pid = server_pid(home)
    assert pid is not None
    assert not gone(pid)
    return pid


def gone(pid: int) -> bool:
    try:
        return is_over(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def eventually(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def program(source: str, home: Path, says: str = "started") -> Iterator[subprocess.Popen[str]]:
    """A second process, which has said that it is ready; killed at the end if it still runs."""
    with subprocess.Popen(
        [sys.executable, "-c", source, str(home)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            if says:
                assert process.stdout.readline().strip() == says
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def kill_server(home: Path) -> None:
    pid = running(home)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: gone(pid))


class Postgres:
    """A durable PostgreSQL of the tests' own, to be maltreated."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self._data = home / "data"
        self.cluster = EmbeddedPostgres(home, settings=settings)
        self.dsn = self.cluster.dsn

    def postmaster(self) -> psutil.Process:
        return psutil.Process(int((self._data / "postmaster.pid").read_text().split("\n", 1)[0]))

    def end(self, number: signal.Signals) -> None:
        process = self.postmaster()
        process.send_signal(number)
        until(lambda: is_over(process), 20, "PostgreSQL is down")

    def start(self) -> None:
        self.cluster.start()
