"""A new cluster, whole or absent."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from watcher.adapters.embedded.errors import EmbeddedPostgresError
from watcher.adapters.embedded.postmaster import USER

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.adapters.embedded.account import Account
    from watcher.adapters.embedded.directories import Home

DATABASE = "watcher"
LOCALE = "--locale=C.UTF-8" if sys.platform == "linux" else "--no-locale"
"""The wheels have no ICU."""


def create(home: Home, bindir: Path, account: Account, *, lock: int, sync: bool) -> None:
    """Make the cluster and its database beside its place, then rename it.

    The programs hold the start lock too: should we be killed, the next start waits until they ended.
    Only the unix socket trusts; who opens TCP by a setting needs to give the user a password.
    """
    if home.unfinished.exists():
        shutil.rmtree(home.unfinished)
    place = ["-D", str(home.unfinished)]
    made = ["-U", USER, "-E", "UTF8", LOCALE, "--data-checksums", *([] if sync else ["--no-sync"])]
    access = ["--auth-local=trust", "--auth-host=scram-sha-256"]
    account.run(bindir / "initdb", *place, *made, *access, holding=lock)
    single = ["--single", "-c", f"fsync={'on' if sync else 'off'}", "-c", "exit_on_error=on"]
    statement = f"CREATE DATABASE {DATABASE}\n"
    account.run(bindir / "postgres", *single, *place, "postgres", given=statement, holding=lock)
    home.unfinished.rename(home.data)
    directory = os.open(home.path, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def require_same_version(home: Home, bindir: Path, major: int) -> None:
    """Refuse programs of another major version than the data; raises EmbeddedPostgresError, OSError."""
    if not home.data.exists():
        return
    made_by = (home.data / "PG_VERSION").read_text().strip()
    if made_by != str(major):
        message = (
            f"{home.data} was made by PostgreSQL {made_by}, but {bindir} holds PostgreSQL {major}: set"
            f" WATCHER_PG_BINDIR to the programs of PostgreSQL {made_by}, or dump the data with them and"
            " restore it into a new --data-dir. Nothing was changed."
        )
        raise EmbeddedPostgresError(message)
