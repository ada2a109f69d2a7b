"""All of Watcher on a durable PostgreSQL and a Redis of its own, to be maltreated."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.broker import PASSWORD, Broker
from tests.faults.clocks import set_by, told_by
from tests.integration.clusters import Postgres
from tests.integration.programs import Program, free_port
from watcher.adapters.postgres.migrate import migrate

READY_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What a fault needs to be there before there is a load."""

    postgres: Mapping[str, str] = field(default_factory=dict)
    """Settings of PostgreSQL, whose other settings are its own: what is committed is on disk."""

    volume_megabytes: int = 0
    """Of a volume that holds the database and nothing else; without one it is on the machine's disk."""

    redis: bool = True
    """Whether Redis is there when the rest begins."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Of Watcher, by the names of their variables; the others are as they are by default."""

    clocks: frozenset[str] = frozenset()
    """The programs whose clocks can jump."""


@dataclass(slots=True)
class System:
    """An API of two processes, a worker of two and a beat, with the settings that they have by default."""

    stage: Stage
    directory: Path
    postgres: Postgres
    broker: Broker
    programs: dict[str, Program] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    """Of programs that begin from now on."""

    @property
    def dsn(self) -> str:
        return self.postgres.dsn

    @property
    def volume(self) -> Path:
        return self.directory / "volume"

    @property
    def api(self) -> Program:
        return self.programs["api"]

    @property
    def worker(self) -> Program:
        return self.programs["worker"]

    @property
    def _clock(self) -> Path:
        return self.directory / "clock"

    def jump(self, seconds: int) -> None:
        """The clocks that can jump are so much ahead of the true time, or behind it, from the next second on."""
        set_by(self._clock, seconds)

    def begin(self, name: str, *arguments: str) -> None:
        """Begins a program, which is not there yet or no more."""
        settings = {
            "WATCHER_DATABASE_URL": self.dsn,
            "WATCHER_BROKER_URL": self.broker.url,
            **self.settings,
            **(told_by(self._clock) if name in self.stage.clocks else {}),
        }
        log = self.directory / f"{name}.log"
        self.programs[name] = Program(list(arguments), log, settings, self.port)

    def begin_all(self) -> None:
        """API, worker and beat, until they are ready."""
        self.begin("api", "api", "--workers", "2")
        self.begin("worker", "worker", "--concurrency", "2")
        self.begin("beat", "beat")
        self.api.await_ready(READY_SECONDS)

    def wrong(self) -> list[str]:
        """What is in the logs and does not belong there."""
        found = []
        if "Traceback" in self.api.log:
            found.append(f"a traceback in the log of the API:\n{self.api.log[-4000:]}")
        if any(PASSWORD in each.log for each in self.programs.values()):
            found.append("a secret in a log")
        return found

    def memory(self) -> int:
        """Bytes that the API's processes hold for themselves."""
        return sum(each.memory_full_info().uss for each in self.api.tree())


@contextmanager
def staged(stage: Stage) -> Iterator[System]:
    """The system; nothing of it is left after the block, whatever state it is in then."""
    directory = Path(tempfile.mkdtemp(prefix="watcher-faults-", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        directory.chmod(0o755)
        volume = directory / "volume"
        volume.mkdir(mode=0o755)
        if stage.volume_megabytes:
            mount(volume, stage.volume_megabytes)
            stack.callback(unmount, volume)
        redis = directory / "redis"
        redis.mkdir()
        system = System(
            stage,
            directory,
            Postgres(volume / "home", stage.postgres),
            Broker(redis, free_port()),
            settings=dict(stage.settings),
        )
        stack.enter_context(_postgres(system.postgres))
        asyncio.run(migrate(system.dsn))
        stack.callback(system.broker.kill)
        if stage.redis:
            system.broker.start()
        stack.enter_context(_programs(system))
        yield system


@contextmanager
def _postgres(postgres: Postgres) -> Iterator[None]:
    postgres.start()
    try:
        yield
    finally:
        postgres.cluster.stop()


@contextmanager
def _programs(system: System) -> Iterator[None]:
    try:
        system.jump(0)
        system.begin_all()
        yield
    finally:
        for each in system.programs.values():
            each.destroy()


def mount(directory: Path, megabytes: int) -> None:
    """Makes the directory a volume of so many megabytes in memory."""
    options = f"size={megabytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True)  # noqa: S607


def unmount(directory: Path) -> None:
    subprocess.run(["umount", str(directory)], check=True)  # noqa: S607
