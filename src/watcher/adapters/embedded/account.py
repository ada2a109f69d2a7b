"""The operating system user that PostgreSQL runs as: it refuses to run as root."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from watcher.adapters.embedded.errors import EmbeddedPostgresError

if sys.platform != "win32":
    import pwd

COMMAND_SECONDS = 300
READ, ENTER = 0o4, 0o1


def environment() -> dict[str, str]:
    """Copy our environment without PG* variables (some change servers too), in English and UTC."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """A user; `switched` when it is not the one this process runs as."""

    name: str
    uid: int
    gid: int
    switched: bool

    def run(self, *command: str | Path, given: str = "", holding: int) -> None:
        """Run a program to its end; it holds the descriptor too, so a lock outlives our own sudden death.

        Raises EmbeddedPostgresError with what the program said.
        """
        done = subprocess.run(  # noqa: S603 (our own programs, no shell)
            command,
            input=given,
            env=environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
            pass_fds=(holding,),
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )
        if done.returncode != 0:
            said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            message = f"{Path(command[0]).name} failed: {said}"
            raise EmbeddedPostgresError(message)

    def may(self, wanted: int, path: Path) -> bool:
        """Tell whether the permission bits of this one file or directory allow it (those above it apart)."""
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return not self.switched or (status.st_mode >> shift) & wanted == wanted

    def barrier(self, path: Path) -> Path | None:
        """Find the outermost existing directory above a path that this user cannot enter."""
        above = [directory for directory in reversed(path.parents) if directory.exists()]
        return next((directory for directory in above if not self.may(ENTER, directory)), None)

    def own(self, path: Path) -> None:
        """Give a file or directory to this user; nothing to do for what we make ourselves."""
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account() -> Account:
    """Choose the user to run PostgreSQL as: ourselves, but `postgres` or else `nobody` when we are root."""
    if os.geteuid() != 0:
        return Account("", os.geteuid(), os.getegid(), switched=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid, switched=True)
    message = "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as."
    raise EmbeddedPostgresError(message)
