"""The `watcher` program as its users run it: a process of its own, with a log, ended by a signal."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.plain import PLAIN

READY_SECONDS = 90.0
STOP_SECONDS = 20.0
POLL_SECONDS, SLOWEST_POLL_SECONDS = 0.02, 0.1
PATIENCE = 20
"""What takes so many times as long as a pause is noticed at most one pause late."""

LAST_WORDS = 4_000
"""So many characters of its log say what a program did last."""


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    condition: Callable[[], bool], seconds: float, what: str, *, slowest: float = SLOWEST_POLL_SECONDS
) -> None:
    """Waits for the condition; fails when it does not come true in time.

    Most conditions ask a program or a database, which is work that others wait for: it is looked for less often the
    longer it takes.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(min(max(POLL_SECONDS, waited / PATIENCE), slowest))


WATCHER = ("-m", "watcher")


class Program:
    """`watcher` with these arguments, or a script of the tests. `url` is where it is to listen."""

    def __init__(
        self,
        arguments: list[str],
        log: Path,
        settings: dict[str, str],
        port: int,
        script: Sequence[str] = WATCHER,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self._log = log
        self._seen: set[psutil.Process] = set()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WATCHER_")}
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *script, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=inherited | settings | {"WATCHER_PORT": str(port), "PYTHONFAULTHANDLER": "1"},
                cwd=log.parent,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def client(self, seconds: float = 60.0) -> httpx.Client:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        return httpx.Client(base_url=self.url, timeout=seconds, limits=limits, trust_env=False, verify=PLAIN)

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=15, trust_env=False, verify=PLAIN).is_success
        except httpx.TransportError:
            return False

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        until(self.ready, seconds, f"{self.url} is ready")

    def exit_code(self, seconds: float = STOP_SECONDS) -> int:
        """How it ended; fails when it does not end in time, with where each of its threads was."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            said = self.log[-LAST_WORDS:]
            raise AssertionError(f"still running after {seconds:.0f} s:\n{said}\n{self._places()}") from None

    def _places(self) -> str:
        """The stacks of all threads of all its processes, which this ends."""
        before = len(self.log)
        for process in reversed(self.tree()):
            with _gone_is_fine():
                process.send_signal(signal.SIGABRT)  # the fault handler's
                psutil.wait_procs([process], timeout=1)
        return self.log[before:]

    def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after the signal."""
        self.process.send_signal(number)
        return self.exit_code()

    def children(self) -> list[psutil.Process]:
        """The processes right below it: of `watcher api` the workers."""
        found = psutil.Process(self.process.pid).children()
        self._seen.update(found)
        return found

    def tree(self) -> list[psutil.Process]:
        """It and all processes below it."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def destroy(self) -> None:
        """Ends it and all below it, whatever state they are in."""
        remaining = self.tree() if self.process.poll() is None else []
        for process in {*remaining, *self._seen}:
            with _gone_is_fine():
                process.kill()
        self.process.wait()


def is_over(process: psutil.Process) -> bool:
    """Whether it ended, though its parent may not know yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def suspended(process: psutil.Process) -> list[psutil.Process]:
    """The process and all below it, which do nothing from now on. Those that were about to end are not among them."""
    process.suspend()
    tree = [process]
    for each in process.children(recursive=True):
        with _gone_is_fine():
            each.suspend()
            tree.append(each)
    return tree


def resume(tree: Sequence[psutil.Process]) -> None:
    for each in reversed(tree):
        each.resume()


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


@contextmanager
def program(
    log: Path,
    *arguments: str,
    port: int | None = None,
    script: Sequence[str] = WATCHER,
    **settings: str,
) -> Iterator[Program]:
    """`watcher` with these arguments and `WATCHER_` settings; nothing of it is left after the block."""
    environment = {f"WATCHER_{name.upper()}": value for name, value in settings.items()}
    running = Program(list(arguments), log, environment, port or free_port(), script)
    try:
        yield running
    finally:
        running.destroy()


@contextmanager
def served(log: Path, dsn: str, *, ready: bool = True, **settings: str) -> Iterator[Program]:
    """`watcher api` on the database; it ends in peace and in order, unless the test ended it already."""
    with program(log, "api", port=None, database_url=dsn, **settings) as api:
        if ready:
            api.await_ready()
        yield api
        if api.process.returncode is None:
            assert api.stopped() == 0, api.log
        assert "Traceback" not in api.log, api.log
