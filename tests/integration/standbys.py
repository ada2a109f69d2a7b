"""A PostgreSQL and a streaming replica of it, both of the tests' own."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from tests.integration.clusters import QUICK, end_server, temporary
from tests.integration.programs import resume, suspended
from watcher.adapters.embedded import EmbeddedPostgres, binaries
from watcher.adapters.embedded.account import environment, server_account


@dataclass(frozen=True)
class Pair:
    """Two servers; `home` is the replica's."""

    primary: EmbeddedPostgres
    standby: EmbeddedPostgres
    home: Path

    def follow(self) -> None:
        """Starts the replica."""
        self.standby.start()

    def kill(self) -> None:
        """Ends the replica at once."""
        end_server(self.home)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """For the length of the block the replica says nothing, on connections that stay."""
        server = psutil.Process(int((self.home / "data" / "postmaster.pid").read_text().split()[0]))
        family = suspended(server)
        try:
            yield
        finally:
            resume(family)

    def pause(self) -> None:
        """From now on the replica takes what it is sent, but does not apply it."""
        asyncio.run(execute(self.standby.dsn, "SELECT pg_wal_replay_pause()"))
        while asyncio.run(execute(self.standby.dsn, "SELECT pg_get_wal_replay_pause_state()")) != "paused":
            pass

    def resume(self) -> None:
        asyncio.run(execute(self.standby.dsn, "SELECT pg_wal_replay_resume()"))


async def execute(dsn: str, statement: str) -> object:
    """The first value of the statement's first row."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@contextmanager
def streaming() -> Iterator[Pair]:
    """A primary and its replica, which follows."""
    with temporary() as directory:
        home, copy = directory / "home", directory / "standby"
        with EmbeddedPostgres(home, settings=QUICK) as primary:
            _copied(home, copy)
            standby = EmbeddedPostgres(copy, settings=QUICK)
            try:
                with standby:
                    yield Pair(primary, standby, copy)
            finally:
                end_server(copy)


def _copied(home: Path, copy: Path) -> None:
    """What `pg_basebackup` makes of the running primary: a cluster that follows it."""
    program = binaries() / "pg_basebackup"
    copy.mkdir(mode=0o700)
    where = ["--host", str(home), "--username", "watcher"]
    kind = ["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]
    subprocess.run(
        [str(program), "--pgdata", str(copy / "data"), *where, *kind],
        env=environment(),
        check=True,
        capture_output=True,
        timeout=120,
    )
    account = server_account()
    for path in (copy, *copy.rglob("*")):
        account.own(path)
