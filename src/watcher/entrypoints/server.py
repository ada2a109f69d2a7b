"""The production server: Gunicorn managing Uvicorn workers."""

import asyncio
import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from ipaddress import ip_address
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from watcher.adapters.prometheus.directory import forget_process, numbers_kept
from watcher.settings import Settings
from watcher.telemetry.destination import has_destination
from watcher.telemetry.logs import JsonLines, in_json
from watcher.uncollected import uncollected

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PR_SET_PDEATHSIG = 1
OTHER_FILES = 512
"""What a worker has open besides the connections of its clients, at most."""

HEARTBEAT_SECONDS = 120  # the largest body that is allowed takes a slow machine some time
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (holds the workers' heartbeat files; a tmpfs never blocks)


class JsonLogger(Logger):
    """Gunicorn's log, and with it Uvicorn's, as JSON."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines())


class PortTaken(Exception):
    """Why the server cannot listen."""


class Exposed(Exception):
    """Why the server must not listen where the settings say."""


class Worker(UvicornWorker):
    """A worker that ends with its master, however that ended: an orphan would hold the port."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "httptools",  # as bounded by `_protocol`
        "ws": "none",
        "lifespan": "on",
        "server_header": False,
        "access_log": False,
    }
    sockets: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.config.timeout_graceful_shutdown = self.cfg.graceful_timeout

    def init_process(self) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        self.config.http = _protocol(self.app.settings)
        # Sockets themselves and not what Gunicorn wraps them in: of those uvloop closes descriptors that are closed.
        self.sockets = [each.sock for each in self.sockets]
        super().init_process()

    async def callback_notify(self) -> None:
        await super().callback_notify()
        if os.getppid() != self.ppid:  # where no signal tells of the master's death
            os.kill(os.getpid(), signal.SIGTERM)


class PatientArbiter(Arbiter):
    """Lets requests under way finish at Ctrl-C, too, and looks after what the workers need while it runs."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        super().__init__(server)

    def handle_int(self) -> None:
        self.handle_term()

    def manage_workers(self) -> None:
        super().manage_workers()
        self._server.attend()


class Server(BaseApplication):
    """Serves the API of one object graph by as many processes as the settings say.

    `ready` is called in the master once it listens, `attend` about every second from then on; `service` is its name in
    telemetry. `run` returns when the server was told to stop by SIGINT or SIGTERM and all workers are gone. It raises
    `Exposed`, `PortTaken`, and `SystemExit` with a code other than 0 when
    the workers failed.
    """

    def __init__(
        self,
        settings: Settings,
        ready: Callable[[], None] = lambda: None,
        attend: Callable[[], None] = lambda: None,
        service: str = "watcher-api",
    ) -> None:
        self.settings = settings
        self._ready = ready
        self.attend = attend
        self._service = service
        super().__init__()

    def load_config(self) -> None:
        settings = self.settings
        configuration: dict[str, Any] = {
            "bind": _authority(settings),
            "workers": settings.workers,
            "worker_class": Worker,
            "graceful_timeout": settings.graceful_timeout,
            "timeout": HEARTBEAT_SECONDS,
            "loglevel": settings.log_level,
            "logger_class": JsonLogger if in_json(settings) else Logger,
            "proc_name": "watcher",
            "control_socket_disable": True,
            "worker_tmp_dir": str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None,
            "when_ready": lambda _: self._ready(),
            "child_exit": lambda _, worker: self._forget(worker.pid),
        }
        for name, value in configuration.items():
            self.cfg.set(name, value)

    def load(self) -> "ASGIApp":
        """The application, made in each worker: the master neither shares connections nor keeps the code."""
        with uncollected():
            if has_destination(self.settings):
                from watcher.entrypoints.observed import application

                return application(self.settings, self._service)
            from watcher.container import Container
            from watcher.entrypoints.http.app import create_app

            return create_app(
                Container(settings=self.settings, program=self._service.removeprefix("watcher-"))
            )

    def run(self) -> None:
        require_safe(self.settings)
        _require_free(self.settings)
        shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        try:
            with numbers_kept(shared) if self.settings.metrics else nullcontext():
                PatientArbiter(self).run()
        except SystemExit as end:
            if end.code not in (0, None):
                raise

    def _forget(self, pid: int) -> None:
        if self.settings.metrics:
            forget_process(pid)


def _protocol(settings: Settings) -> type[asyncio.Protocol]:
    """What a worker speaks with its clients, and files enough for as many of them as it may have."""
    from watcher.entrypoints.http.connections import MOST_REFUSED, Patience, bounded

    wanted = MOST_REFUSED * settings.connection_limit + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    files = wanted if unlimited in (soft, hard) else max(soft, min(wanted, hard))
    if soft != unlimited and files > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    patience = Patience(
        head_limit=settings.head_limit,
        head_timeout=settings.head_timeout,
        body_timeout=settings.body_timeout,
        connections=min(settings.connection_limit, max((files - OTHER_FILES) // MOST_REFUSED, 1)),
    )
    return bounded(patience)


def url(settings: Settings) -> str:
    """Where the settings' server is found."""
    return f"http://{_authority(settings)}"


def _authority(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def _require_free(settings: Settings) -> None:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise PortTaken(
            f"it cannot listen on {_authority(settings)}: {error.strerror}. Choose another --port."
        ) from None


def require_safe(settings: Settings) -> None:
    """Raises `Exposed` where others than this machine could do everything without a key."""
    if settings.authentication == "none" and not settings.insecure and not _is_loopback(settings.host):
        raise Exposed(
            f"it would listen on {_authority(settings)}, where others than this machine could do everything "
            "without a key. Set WATCHER_AUTHENTICATION=keys and make keys by `watcher key create`, or listen on "
            "127.0.0.1, or say --insecure where something else keeps strangers out."
        )


def _is_loopback(host: str) -> bool:
    """Whether all that the name stands for is this machine; not where nobody knows what it stands for."""
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def require_channels(settings: Settings) -> None:
    """Raises `BadChannels` where alerts could not be sent; asked, as `obstacles` is, by a process of its own."""
    if settings.channels():
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as process:
            process.submit(_made_notifier, settings).result()


def _made_notifier(settings: Settings) -> None:
    from watcher.container import Container

    Container(settings=settings).notifier()


def obstacles(settings: Settings) -> list[str]:
    """What stands between the settings' database and serving from it, asked before any worker starts.

    Asked by a process of its own, so that the master does not keep what it takes to ask.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as process:
        return process.submit(_obstacles, settings).result()


def _obstacles(settings: Settings) -> list[str]:
    with uncollected():
        from watcher.container import Container, closing

    async def asked() -> list[str]:
        async with closing(Container(settings=settings, program="start")) as watcher:
            return list(await watcher.probes.obstacles())

    return asyncio.run(asked())
