"""The private PostgreSQL: made on first use, shared by processes, stopped by the last of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from watcher.adapters.embedded import locks
from watcher.adapters.embedded.account import server_account
from watcher.adapters.embedded.binaries import binaries, major_version, reachable
from watcher.adapters.embedded.creation import DATABASE, create, require_same_version
from watcher.adapters.embedded.directories import Home
from watcher.adapters.embedded.errors import EmbeddedPostgresError
from watcher.adapters.embedded.launch import RESERVED, Launch, server_command
from watcher.adapters.embedded.postmaster import PORT, USER, Answer, ask, disown, living, shut_down

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from watcher.adapters.embedded.account import Account

START_SECONDS = 180.0
STOP_SECONDS = 60.0
ORPHAN_SECONDS = 15.0


class EmbeddedPostgres:
    """A PostgreSQL of our own below `home`, reached by a unix socket that only its user may open.

    Several processes may use one home: the first starts the server with its settings, the others attach,
    the last to stop (or to die) stops it. Everything needed is in `home`, which must be empty or ours.
    Durability is PostgreSQL's own (fsync on) unless the settings say otherwise. Settings which only a newer
    PostgreSQL knows are left out. Every failure is an EmbeddedPostgresError.
    """

    def __init__(
        self, home: Path, *, settings: Mapping[str, str] | None = None, bindir: Path | None = None
    ) -> None:
        if sys.platform == "win32":
            message = "The embedded PostgreSQL runs on Linux and macOS: set WATCHER_DATABASE_URL to a server."
            raise EmbeddedPostgresError(message)
        if refused := RESERVED & set(settings or {}):
            message = f"The embedded PostgreSQL sets {', '.join(sorted(refused))} itself."
            raise EmbeddedPostgresError(message)
        self._home = Home(home.expanduser().resolve())
        self._settings = dict(settings or {})
        self._bindir = bindir
        self._launch = Launch(self._home)
        self._users: int | None = None
        self._joined_by = 0

    @property
    def dsn(self) -> str:
        """For asyncpg; valid before the start too, for it depends on the home alone.

        It says what variables like PGPORT or PGSSLMODE, meant for another server, would otherwise say.
        """
        here = f"port={PORT}&sslmode=disable&target_session_attrs=any&host={self._home.sockets}"
        return f"postgresql://{USER}@/{DATABASE}?{here}"

    def start(self) -> None:
        """Make sure that the server answers: attach to a running one, else start it, else make it first.

        Blocks: about a second the first time, 0.1 s later, longer while PostgreSQL recovers from a crash.
        """
        try:
            account = server_account()
            self._home.prepare(account)
            with locks.held(self._home.start_lock, START_SECONDS) as lock:
                self._join()
                if not self._answers():
                    self._bring_up(account, lock)
        except (OSError, subprocess.SubprocessError) as error:
            self._leave()
            message = f"The PostgreSQL in {self._home.path} could not be started: {error}."
            raise EmbeddedPostgresError(message) from error
        except BaseException:
            self._leave()
            raise

    def alive(self) -> bool:
        """Tell whether a server is there, be it that it recovers or hangs; does not wait for it."""
        return ask(self._home.sockets) is not Answer.SILENT or living(self._home.data) is not None

    def stop(self) -> None:
        """Stop using the server, and shut it down (waiting up to 60 s) if nobody else uses it."""
        if self._users is None or self._joined_by != os.getpid():
            self._leave()
            return
        try:
            with locks.held(self._home.start_lock, START_SECONDS):
                if locks.claim(self._users):
                    shut_down(self._home.data, STOP_SECONDS)
                    self._launch.await_end(STOP_SECONDS)
        except OSError as error:
            message = f"The PostgreSQL in {self._home.path} could not be stopped: {error}."
            raise EmbeddedPostgresError(message) from error
        finally:
            self._leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _join(self) -> None:
        """Count as a user. A fork has copies of its parent's lock, so it takes one of its own."""
        if self._users is not None and self._joined_by != os.getpid():
            self._leave()
        if self._users is None:
            self._users, self._joined_by = locks.opened(self._home.users_lock), os.getpid()
            locks.share(self._users)

    def _leave(self) -> None:
        """No longer count as a user. The lock itself belongs to who took it, not to a fork."""
        users, self._users = self._users, None
        if users is None:
            return
        if self._joined_by == os.getpid():
            locks.release(users)
        else:
            os.close(users)

    def _answers(self) -> bool:
        """Tell whether a server is there, once one that starts, recovers or stops has done so."""
        deadline = time.monotonic() + START_SECONDS
        while (answer := ask(self._home.sockets)) is not Answer.READY:
            pid = living(self._home.data)
            if answer is Answer.SILENT and pid is None:
                return False
            if time.monotonic() > deadline:
                message = (
                    f"A PostgreSQL (process {pid}) runs on {self._home.data}, but does not answer"
                    f" at {self._home.sockets}: see {self._home.log}."
                )
                raise EmbeddedPostgresError(message)
            time.sleep(locks.POLL_SECONDS)
        return True

    def _bring_up(self, account: Account, lock: int) -> None:
        """Start the server, after making the cluster if there is none.

        Backends of a killed server may write for a moment longer, and PostgreSQL refuses to start meanwhile.
        """
        bindir = binaries(self._bindir)
        major = major_version(bindir)
        require_same_version(self._home, bindir, major)
        bindir = reachable(bindir, self._home.runtime, account)
        self._home.prepare_sockets(account)
        if not self._home.data.exists():
            create(self._home, bindir, account, lock=lock, sync=self._settings.get("fsync") != "off")
        self._launch.await_end(STOP_SECONDS)
        command = server_command(self._home, bindir, major, self._settings)
        deadline = time.monotonic() + ORPHAN_SECONDS
        while True:
            disown(self._home.data, self._home.sockets)
            refusal = self._launch.run(command, account, START_SECONDS)
            if refusal is None:
                return
            if "is still in use" not in refusal or time.monotonic() > deadline:
                message = f"PostgreSQL did not start: {refusal} (see {self._home.log})"
                raise EmbeddedPostgresError(message)
            time.sleep(0.2)
