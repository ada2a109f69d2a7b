"""What is measured: a PostgreSQL of our own, and APIs on its databases."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.database import Database
from benchmarks.measure import RunVoid
from watcher.adapters.embedded import EmbeddedPostgres
from watcher.adapters.postgres.migrate import migrate

PIPELINES = 1_000
WORKERS = 2
START_SECONDS = 60
STOP_SECONDS = 40
SETTINGS = {"shared_preload_libraries": "pg_stat_statements"}
"""Durability is PostgreSQL's default: fsync and synchronous_commit are on."""


@contextmanager
def postgres() -> Iterator[Database]:
    """The maintenance database of a new server, which ends with the block and leaves nothing."""
    home = Path(tempfile.mkdtemp(prefix="watcher-benchmark-"))
    try:
        with EmbeddedPostgres(home, settings=SETTINGS) as server:
            yield Database(server.dsn).sibling("postgres")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def migrated(admin: Database, name: str) -> Database:
    """A new database with the schema and nothing in it."""
    admin.execute([f'CREATE DATABASE "{name}"'])
    database = admin.sibling(name)
    asyncio.run(migrate(database.dsn))
    return database


@dataclass(frozen=True, slots=True)
class Api:
    """A running API."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[psutil.Process]:
        """The process that was started, and all below it."""
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]

    def declare_pipelines(self) -> None:
        """Declares pipelines whose ids are 1 to `PIPELINES`, as the scripts expect."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for number in range(1, PIPELINES + 1):
            body = json.dumps(declaration(number))
            connection.request("POST", "/pipeline", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
            if response.status != http.HTTPStatus.CREATED or json.loads(answer)["id"] != number:
                raise RunVoid(f"Declaring pipeline {number} got {response.status} {answer[:200]!r}.")
        connection.close()


def declaration(number: int) -> dict[str, object]:
    """The content that `lua/declare.lua` declares again."""
    return {
        "name": f"benchmark {number:04d}",
        "pipeline_type_name": "benchmark",
        "pipeline_metadata": {"owner": "data platform", "priority": 3},
        "freshness_number": 1,
        "freshness_datepart": "day",
    }


@contextmanager
def api(database: Database, broker_url: str = "") -> Iterator[Api]:
    """`watcher api` as anybody would start it, on the database's unix socket, with its pipelines declared.

    Without a broker it does the background work itself.
    """
    program = Path(sys.executable).with_name("watcher")
    with tempfile.TemporaryDirectory(prefix="watcher-benchmark-api-") as directory:
        port, log = _free_port(), Path(directory) / "api.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [program, "api"],
                env=environment(database, port=port, workers=WORKERS, broker_url=broker_url),
                cwd=directory,
                stdout=output,
                stderr=output,
            )
        running = Api(port, process.pid)
        try:
            _await_ready(running, process, log)
            running.declare_pipelines()
            yield running
        finally:
            ended(process)


def environment(database: Database, **settings: object) -> dict[str, str]:
    """That of a program of Watcher, with nothing set from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WATCHER_", "PG"))}
    given = {"database_url": database.dsn, **settings}
    return kept | {f"WATCHER_{name.upper()}": str(value) for name, value in given.items()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_ready(running: Api, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the API is ready and all its workers are there."""
    deadline = time.monotonic() + START_SECONDS
    while not (_ready(running.port) and len(running.processes()) > WORKERS):
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-2_000:]
            raise RunVoid(f"`watcher api` did not get ready in {START_SECONDS} s; it said:\n{said}")
        time.sleep(0.1)


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ended(process: subprocess.Popen[bytes]) -> None:
    """Asks a program to stop, and ends what is left of it."""
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in below:
        if child.is_running():
            child.kill()
