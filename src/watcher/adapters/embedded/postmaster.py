"""What is known about a server from outside: what its socket answers, and whether its process lives."""

from __future__ import annotations

import enum
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import psutil

from watcher.adapters.embedded.errors import EmbeddedPostgresError
from watcher.adapters.embedded.locks import POLL_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

USER = "watcher"
PORT = "5432"
SOCKET = f".s.PGSQL.{PORT}"
ANSWER_SECONDS = 2.0

_PARAMETERS = b"\0\3\0\0user\0" + USER.encode() + b"\0database\0postgres\0\0"
_STARTUP = (len(_PARAMETERS) + 4).to_bytes(4, "big") + _PARAMETERS
_READY_FOR_QUERY = b"Z\0\0\0\5I"
_TERMINATE = b"X\0\0\0\4"
_TOO_MANY_CONNECTIONS = b"C53300\0"


class Answer(enum.Enum):
    """What a socket said to a startup packet."""

    READY = enum.auto()
    BUSY = enum.auto()
    SILENT = enum.auto()


def ask(directory: Path) -> Answer:
    """Log in and out; an accepted connection alone would prove nothing, nor would a process id.

    BUSY is a server that starts, recovers or stops. A server whose connections are all taken is READY.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(directory / SOCKET))
            connection.sendall(_STARTUP)
            reply = b""
            while not reply.endswith(_READY_FOR_QUERY):
                received = connection.recv(4096)
                if not received:
                    return _refusal(reply)
                reply += received
            connection.sendall(_TERMINATE)
            return Answer.READY
    except OSError:
        return Answer.SILENT


def _refusal(reply: bytes) -> Answer:
    if not reply:
        return Answer.SILENT
    return Answer.READY if _TOO_MANY_CONNECTIONS in reply else Answer.BUSY


def living(data: Path) -> int | None:
    """Give the process id of the server on this data directory, if it is alive.

    The number in `postmaster.pid` may be a zombie's (in a container without an init) or another process's.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or "postgres" not in process.name():
            return None
        ours = str(data) in process.cmdline() or process.cwd() == str(data)
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return pid if ours else None


def disown(data: Path, directory: Path) -> None:
    """Remove what a dead server left; call it only when nothing lives or answers.

    PostgreSQL does so itself unless the process id in the files is in use again. Backends of the dead server
    that still write are noticed nevertheless: PostgreSQL finds their shared memory by the data directory.
    """
    for path in (data / "postmaster.pid", directory / SOCKET, directory / f"{SOCKET}.lock"):
        path.unlink(missing_ok=True)


def shut_down(data: Path, seconds: float) -> None:
    """Stop the server (fast: clients are disconnected, nothing committed is lost) and wait until it is down.

    Raises EmbeddedPostgresError when it still runs after so many seconds.
    """
    deadline = time.monotonic() + seconds
    pid = living(data)
    if pid is not None:
        os.kill(pid, signal.SIGINT)
    while pid is not None and living(data) == pid:
        if time.monotonic() > deadline:
            message = f"PostgreSQL (process {pid}), told to stop {seconds:.0f} s ago, still runs on {data}."
            raise EmbeddedPostgresError(message)
        time.sleep(POLL_SECONDS)
