"""The server process: its settings, its keeper, its log."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.adapters.embedded import locks
from watcher.adapters.embedded.account import environment
from watcher.adapters.embedded.postmaster import PORT, Answer, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.adapters.embedded.account import Account
    from watcher.adapters.embedded.directories import Home

KEEPER = Path(__file__).with_name("keeper.py")
LOG_BYTES = 10 * 1024 * 1024

DEFAULTS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
RESERVED = frozenset({"data_directory", "unix_socket_directories", "port"})
"""Settings by which processes that share a cluster find it."""

SINCE = {
    "reserved_connections": 16,
    "vacuum_buffer_usage_limit": 16,
    "io_combine_limit": 17,
    "summarize_wal": 17,
    "transaction_timeout": 17,
    "autovacuum_vacuum_max_threshold": 18,
    "autovacuum_worker_slots": 18,
    "io_max_concurrency": 18,
    "io_method": 18,
    "io_workers": 18,
}
"""The major version that knows a setting; an older one would refuse to start because of it."""


def server_command(home: Home, bindir: Path, major: int, settings: Mapping[str, str]) -> list[str]:
    """Write the command line of the server; settings that its version does not know are left out."""
    found_by = {"unix_socket_directories": str(home.sockets), "port": PORT}
    known = {
        name: value
        for name, value in {**DEFAULTS, **settings, **found_by}.items()
        if SINCE.get(name, 0) <= major
    }
    options = [part for name, value in known.items() for part in ("-c", f"{name}={value}")]
    return [str(bindir / "postgres"), "-D", str(home.data), *options]


class Launch:
    """A server under its keeper, started by this process; another process may be the one that stops it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._keeper: int | None = None

    def run(self, command: list[str], account: Account, seconds: float) -> str | None:
        """Start the server and wait until it answers; gives the reason when it does not."""
        self._rotate()
        log = locks.opened(self._home.log)
        try:
            position = os.fstat(log).st_size
            self._keeper = self._spawn(command, account, log)
        finally:
            os.close(log)
        deadline = time.monotonic() + seconds
        while ask(self._home.sockets) is not Answer.READY:
            if self.ended():
                return self._dying_words(position)
            if time.monotonic() > deadline:
                return f"it does not answer after {seconds:.0f} s."
            time.sleep(locks.POLL_SECONDS)
        return None

    def ended(self) -> bool:
        """Tell whether the keeper, and so its server, is gone; leaves no zombie of it."""
        if self._keeper is not None:
            try:
                ended = os.waitpid(self._keeper, os.WNOHANG) != (0, 0)
            except ChildProcessError:
                ended = True
            self._keeper = None if ended else self._keeper
        return self._keeper is None

    def await_end(self, seconds: float) -> None:
        """Wait for a keeper whose server is gone: it ends at once."""
        deadline = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < deadline:
            time.sleep(locks.POLL_SECONDS)

    def _rotate(self) -> None:
        log = self._home.log
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))

    def _spawn(self, command: list[str], account: Account, log: int) -> int:
        """Start the keeper, which starts the server; no Popen, for the keeper may well outlive our use."""
        ids = [str(account.uid), str(account.gid)] if account.switched else ["", ""]
        locked = [str(self._home.start_lock), str(self._home.users_lock)]
        null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        outputs = [(os.POSIX_SPAWN_DUP2, log, descriptor) for descriptor in (1, 2)]
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", str(KEEPER), *locked, *ids, *command],
            environment(),
            file_actions=[null, *outputs],
            setsigmask=(),
            setsigdef=(signal.SIGCHLD,),
        )

    def _dying_words(self, position: int) -> str:
        """Say why the server ended: the fatal lines since the position in its log.

        All of them, for backends of a killed predecessor may write between.
        """
        with self._home.log.open("rb") as file:
            file.seek(position)
            lines = file.read().decode(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
        return " ".join(fatal or lines[-1:] or ["it ended without a word"])
