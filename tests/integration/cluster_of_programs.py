"""All of Watcher as a cluster runs it: API, workers, beats and Redis, to be killed in part and as a whole."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from tests.broker import Broker
from tests.integration.programs import POLL_SECONDS, Program, free_port, resume, suspended, until
from tests.server import fetch

BEGUN = "SELECT message, attempts FROM job_attempt"
SENDING = "SELECT message_id, channel, attempts FROM alert_delivery WHERE attempts > 0 AND state = 'pending'"
LAST_WORDS_SECONDS = 0.5
"""After a kill, until PostgreSQL has done what it was asked for before."""

STARTING_SECONDS = 120.0
"""Until an API is ready of which all programs begin at once."""

Rows = set[tuple[object, ...]]


@dataclass(slots=True)
class Killed:
    """What kills interrupted: jobs, by message of the bus and attempt, and deliveries, by
    message, channel and attempt."""

    processes: int = 0
    jobs: Rows = field(default_factory=set)
    sends: Rows = field(default_factory=set)


@dataclass(slots=True)
class Cluster:
    """Two workers and two beats beside an API of two processes."""

    dsn: str
    broker: Broker
    directory: Path
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    killed: Killed = field(default_factory=Killed)
    down: list[tuple[float, float]] = field(default_factory=list)
    """When the API was killed, and when it was ready again."""

    programs: list[Program] = field(default_factory=list)
    apis: list[Program] = field(default_factory=list)
    workers: list[Program] = field(default_factory=list)
    beats: list[Program] = field(default_factory=list)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._destroy()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._destroy()

    def _destroy(self) -> None:
        for each in self.programs:
            each.destroy()

    def start(self) -> None:
        self.apis.append(self._program("api", "--workers", "2"))
        self.employ()
        self.beats = [self._program("beat"), self._program("beat")]
        self.api.await_ready(STARTING_SECONDS)

    @property
    def api(self) -> Program:
        return self.apis[-1]

    def employ(self) -> None:
        """New workers instead of those that are no more."""
        self.workers = [self._program("worker", "--concurrency", "2") for _ in range(2)]

    def kill_tasks(self, *, sending: bool = False) -> None:
        """Kills the processes that do the work, in the middle of it; their parents live and make new ones."""
        masters = self._caught(sending=sending)
        self._end([child for master in masters for child in master.children(recursive=True)])
        for master in masters:
            master.resume()

    def kill_workers(self, *, sending: bool = False) -> None:
        """Kills both workers as a whole, in the middle of their work."""
        masters = self._caught(sending=sending)
        self._end([each for master in masters for each in (master, *master.children(recursive=True))])

    def kill_all(self) -> None:
        """Kills all there is at once, and what Redis held is lost."""
        began = time.monotonic()
        roots = [root for root in map(_root, (self.api, *self.beats, *self.workers)) if root is not None]
        for root in roots:
            root.suspend()
        self._end([each for root in roots for each in (root, *root.children(recursive=True))])
        self.broker.kill()
        self.broker.lose()
        self.down.append((began, float("inf")))

    def restart(self) -> None:
        self.broker.start()
        self.start()
        self.down[-1] = (self.down[-1][0], time.monotonic())

    def _program(self, *arguments: str) -> Program:
        settings = {"database_url": self.dsn, "broker_url": self.broker.url} | self.settings
        log = self.directory / f"{len(self.programs)}-{arguments[0]}.log"
        environment = {f"WATCHER_{name.upper()}": value for name, value in settings.items()}
        running = Program(list(arguments), log, environment, self.port)
        self.programs.append(running)
        return running

    def _caught(self, *, sending: bool) -> Sequence[psutil.Process]:
        """The workers' parents, stopped together with all below them in the middle of a job, or of a delivery."""
        masters = [psutil.Process(each.process.pid) for each in self.workers]

        def caught() -> bool:
            trees = [suspended(master) for master in masters]
            if self._begun() and (not sending or self._sending()):
                return True
            for tree in trees:
                resume(tree)
            return False

        until(caught, 60, "a worker at work", slowest=POLL_SECONDS)
        return masters

    def _end(self, processes: Sequence[psutil.Process]) -> None:
        """Kills them, and notes what that interrupted: nobody else works."""
        for process in processes:
            process.kill()
        self.killed.processes += len(processes)
        time.sleep(LAST_WORDS_SECONDS)
        self.killed.jobs |= self._begun()
        self.killed.sends |= self._sending()

    def _begun(self) -> Rows:
        """Jobs at work, without those that a kill left behind."""
        return set(asyncio.run(fetch(self.dsn, BEGUN))) - self.killed.jobs

    def _sending(self) -> Rows:
        return set(asyncio.run(fetch(self.dsn, SENDING))) - self.killed.sends


def _root(program: Program) -> psutil.Process | None:
    return psutil.Process(program.process.pid) if program.process.poll() is None else None
