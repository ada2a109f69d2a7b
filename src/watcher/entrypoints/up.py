"""`watcher up`: PostgreSQL, schema and API in one process tree on one directory."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO

from pydantic import SecretStr

from watcher.adapters.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    default_home,
)
from watcher.entrypoints.server import Server, obstacles, url
from watcher.settings import Settings


class Refused(Exception):
    """Why Watcher does not come up."""


class EmbeddedWatcher:
    """The embedded default, from start to stop."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._say = say
        self._home = (settings.data_dir or default_home()).expanduser().resolve()
        self._url = url(settings)

    def run(self) -> None:
        """Returns after SIGINT or SIGTERM. Raises `Refused` when there is nothing to run."""
        try:
            postgres = EmbeddedPostgres(self._home, bindir=self._settings.pg_bindir)
            with _stopping_in_order(), postgres, self._alone():
                self._serve(postgres)
        except EmbeddedPostgresError as error:
            raise Refused(error) from error

    def _serve(self, postgres: EmbeddedPostgres) -> None:
        # Its jobs are done inside: the workers of a broker would not know of this database.
        none = dict.fromkeys(("pooler_url", "replica_url", "broker_url"))
        own = {"database_url": SecretStr(postgres.dsn), **none}
        settings = self._settings.model_copy(update=own)
        if obstacles(settings):
            self._migrate(postgres.dsn)
        Server(settings, self._announce, lambda: self._revive(postgres), service="watcher-up").run()
        self._say(f"Watcher has stopped; its data stays in {self._home}")

    def _revive(self, postgres: EmbeddedPostgres) -> None:
        """Starts the database again where it was killed; one that hangs is left to itself."""
        if postgres.alive():
            return
        try:
            self._say("PostgreSQL is gone; starting it again.")
            postgres.start()
            self._say("PostgreSQL is back.")
        except EmbeddedPostgresError as error:
            self._say(f"Requests are answered 503: {error}")

    def _migrate(self, dsn: str) -> None:
        """In a process of its own: what it takes to migrate would stay in the memory of every worker."""
        command = [sys.executable, "-m", "watcher", "migrate"]
        environment = os.environ | {"WATCHER_DATABASE_URL": dsn}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise Refused(f"the schema could not be migrated. {done.stderr.strip()}")

    def _announce(self) -> None:
        self._say(f"Watcher is up at {self._url} (its API is described at {self._url}/docs).")
        self._say(f"Its data is in {self._home}. Ctrl-C stops it.")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One Watcher on a directory; the kernel gives the lock back whatever becomes of this process."""
        # Not through a link: the directory may belong to the user whom root runs PostgreSQL as.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._home / "up.lock", flags, 0o644), "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"it is already running on {self._home}: {_first_line(file)}") from None
            file.truncate(0)
            file.write(f"process {os.getpid()} at {self._url}\n")
            file.flush()
            yield


def _first_line(file: IO[str]) -> str:
    file.seek(0)
    return file.readline().strip() or "another process holds its lock"


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Until the server handles signals itself, SIGTERM must not leave PostgreSQL behind."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
