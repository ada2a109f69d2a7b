"""Where the cluster lives: the home, and the directory of its socket."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.adapters.embedded.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from watcher.adapters.embedded.account import Account

ROOT_HOME = Path("/var/lib/watcher")
MARKS = frozenset({"start.lock", "data", "data.tmp", "postgres.log"})
"""Names of which at least one is in every home that was ever used."""

SOCKET_DIRECTORY = re.compile(r"[A-Za-z0-9_./-]{1,86}")
"""What needs no quoting in a PostgreSQL setting or a DSN, and with the name of the socket fits into the
104 bytes of a macOS socket address (108 on Linux)."""


def default_home() -> Path:
    """Choose the home: `$XDG_DATA_HOME/watcher` or `~/.local/share/watcher`, on macOS too.

    For root it is `/var/lib/watcher`: another user runs the server then, and cannot enter root's home.
    """
    if os.geteuid() == 0:
        return ROOT_HOME
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".local/share") / "watcher"


def holds_cluster(home: Path) -> bool:
    """Whether a whole cluster was ever made in that home; looks only. Raises PermissionError."""
    try:
        (Home(home).data / "PG_VERSION").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of one cluster and the names in it; `path` is absolute and free of symbolic links."""

    path: Path

    @property
    def data(self) -> Path:
        """The cluster itself, whole or absent."""
        return self.path / "data"

    @property
    def unfinished(self) -> Path:
        """A cluster in the making."""
        return self.path / "data.tmp"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.path / "postgres.log"

    @property
    def start_lock(self) -> Path:
        """Held by who starts or stops the server."""
        return self.path / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by everybody who uses the server."""
        return self.path / "users.lock"

    @property
    def runtime(self) -> Path:
        """Copies of programs that could not be reached elsewhere."""
        return self.path / "runtime"

    @property
    def sockets(self) -> Path:
        """The home itself, or when its name is too long or needs quoting, a directory named by its hash.

        That one is below /tmp and not $TMPDIR, because all processes sharing the cluster must find it.
        """
        if SOCKET_DIRECTORY.fullmatch(str(self.path)):
            return self.path
        temporary = Path("/tmp")  # noqa: S108 (prepare_sockets verifies who owns the directory)
        if not temporary.is_dir():
            temporary = Path(tempfile.gettempdir())
        return temporary / f"watcher-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]}"

    def prepare(self, account: Account) -> None:
        """Make the home, private to the account; refuses a directory with only other things in it.

        Raises EmbeddedPostgresError, OSError.
        """
        self._require_reachable(account)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._require_reachable(account)
        names = {entry.name for entry in self.path.iterdir()} - {"lost+found"}
        if names and not names & MARKS:
            message = f"{self.path} is not empty and holds no Watcher data: name another with --data-dir."
            raise EmbeddedPostgresError(message)
        account.own(self.path)
        self.path.chmod(0o700)

    def _require_reachable(self, account: Account) -> None:
        if barrier := account.barrier(self.path):
            message = (
                f'The user "{account.name}", which runs PostgreSQL because it refuses to run as root, cannot'
                f" enter {barrier}: name a directory outside of it with --data-dir, for example {ROOT_HOME}."
            )
            raise EmbeddedPostgresError(message)

    def prepare_sockets(self, account: Account) -> None:
        """Make the socket's directory; raises EmbeddedPostgresError when another user made it first."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        status = self.sockets.lstat()
        ours = status.st_uid in {account.uid, os.geteuid()} and not stat.S_IMODE(status.st_mode) & 0o077
        if not (stat.S_ISDIR(status.st_mode) and ours):
            message = (
                f"{self.sockets}, where the socket of PostgreSQL belongs, is not a private directory of its"
                " user: remove it, or name a shorter plain path with --data-dir."
            )
            raise EmbeddedPostgresError(message)
        account.own(self.sockets)
