"""Faults of PostgreSQL."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import asyncpg

from tests.faults.fault import Fault, Scene, unmountable
from tests.faults.system import Stage
from tests.integration.programs import resume, suspended, until
from tests.server import execute

CONNECTIONS = 30
VOLUME_MEGABYTES = 200
FREE = 1 << 20
"""Bytes that PostgreSQL may have let go of while the volume was full."""

SMALL = Stage(postgres={"min_wal_size": "32MB", "max_wal_size": "64MB"}, volume_megabytes=VOLUME_MEGABYTES)
OWN_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'watcher%'"
)


@contextmanager
def _ended(scene: Scene, number: signal.Signals) -> Iterator[None]:
    scene.system.postgres.end(number)
    try:
        yield
    finally:
        scene.system.postgres.start()


@contextmanager
def _paused(scene: Scene) -> Iterator[None]:
    tree = suspended(scene.system.postgres.postmaster())
    try:
        yield
    finally:
        resume(tree)


@dataclass(slots=True)
class _Hog:
    """Somebody who takes every connection that the database has to give, those of Watcher, too."""

    dsn: str
    held: list[asyncpg.Connection] = field(default_factory=list)
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def take(self) -> None:
        """All that are free, and those of Watcher, who may be quicker to have one again, until it has none."""
        self.runner.run(self._takes_all())
        until(self._has_all, 30, "all connections are taken")

    def _has_all(self) -> bool:
        ended = self.runner.run(self.held[0].fetch(OWN_CONNECTIONS))
        self.runner.run(self._takes_all())
        return not ended

    async def _takes_all(self) -> None:
        refused = 0
        while refused < 5:
            try:
                self.held.append(await asyncpg.connect(self.dsn, timeout=5))
            except asyncpg.TooManyConnectionsError:
                refused += 1
                await asyncio.sleep(0.02)

    def close(self) -> None:
        async def closed() -> None:
            await asyncio.gather(*(each.close() for each in self.held))

        self.runner.run(closed())
        self.runner.close()


@contextmanager
def _used_up(scene: Scene) -> Iterator[None]:
    hog = _Hog(scene.system.dsn)
    try:
        hog.take()
        scene.noted.append(f"{len(hog.held)} of {CONNECTIONS} connections taken")
        yield
    finally:
        hog.close()


@contextmanager
def _full(scene: Scene, *, log_too: bool) -> Iterator[None]:
    """Fills the volume; with `log_too` also uses up what PostgreSQL keeps for its log, so that it goes down."""
    filler, cluster = scene.system.volume / "filler", scene.system.postgres.cluster
    down = False
    try:
        fill(filler)
        until(lambda: scene.load.statuses[503] > 0, 60, "503")
        if log_too:
            until(lambda: not _has_room(scene.system.dsn) and not cluster.alive(), 60, "PostgreSQL is down")
        yield
        free = shutil.disk_usage(scene.system.volume).free
        scene.demand(free < FREE, f"{free} bytes are free")
        down = not cluster.alive()
    finally:
        filler.unlink()
        scene.system.postgres.start()
    scene.noted.append("PostgreSQL went down" if down else "PostgreSQL stayed up")


def _has_room(dsn: str) -> bool:
    """Whether PostgreSQL could end a file of its log and begin another."""
    try:
        asyncio.run(execute(dsn, *["SELECT pg_logical_emit_message(FALSE, '', ''), pg_switch_wal()"] * 2))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


def fill(filler: os.PathLike[str]) -> None:
    """Writes until there is no room."""
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while os.write(descriptor, bytes(size)):
                    pass
    finally:
        os.close(descriptor)


FAULTS = (
    Fault(
        "database-restart",
        "PostgreSQL is told to stop at once (SIGINT), and started again 3 s later",
        partial(_ended, number=signal.SIGINT),
        seconds=3,
    ),
    Fault(
        "database-killed",
        "PostgreSQL is killed (SIGKILL), and started again 3 s later",
        partial(_ended, number=signal.SIGKILL),
        seconds=3,
    ),
    Fault(
        "database-paused", "all processes of PostgreSQL are stopped (SIGSTOP) for 20 s", _paused, seconds=20
    ),
    Fault(
        "connections",
        f"somebody takes all {CONNECTIONS} connections of PostgreSQL for 8 s, Watcher's as well",
        _used_up,
        stage=Stage(postgres={"max_connections": str(CONNECTIONS)}),
    ),
    Fault(
        "disk-full",
        f"the database's volume (tmpfs, {VOLUME_MEGABYTES} MB) is filled to the last byte for 8 s",
        partial(_full, log_too=False),
        stage=SMALL,
        obstacle=unmountable,
    ),
    Fault(
        "disk-full-log",
        "the same, and no room is left in PostgreSQL's log either: it goes down, and is started again",
        partial(_full, log_too=True),
        stage=SMALL,
        obstacle=unmountable,
    ),
)
