"""A PgBouncer of the tests' own, in transaction mode, before the PostgreSQL of the tests."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pwd import getpwuid
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest

from tests.integration.programs import free_port, until

SERVER_CONNECTIONS = 3


@contextmanager
def pooled(dsn: str) -> Iterator[str]:
    """The DSN of the same database through it: far more clients than it has connections to the server."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("there is no pgbouncer here: on Debian, apt-get install pgbouncer")
    directory = Path(tempfile.mkdtemp(prefix="watcher-pgbouncer-", dir="/tmp"))
    directory.chmod(0o755)
    port = free_port()
    (directory / "pgbouncer.ini").write_text(configuration(dsn, port))
    user = ["-u", unprivileged(dsn)] if os.geteuid() == 0 else []
    with (directory / "log").open("wb") as log:
        running = subprocess.Popen(
            [program, "-q", *user, str(directory / "pgbouncer.ini")], stdout=log, stderr=log
        )
    try:
        until(lambda: answers(running, port, directory / "log"), 20, "pgbouncer listens")
        yield urlunsplit(urlsplit(dsn)._replace(netloc=f"watcher@127.0.0.1:{port}", query=""))
    finally:
        running.kill()
        running.wait()
        shutil.rmtree(directory)


def answers(running: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert running.poll() is None, log.read_text()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def unprivileged(dsn: str) -> str:
    """Who it runs as for root, whom it refuses: somebody who gets to the socket of the server."""
    (host,) = parse_qs(urlsplit(dsn).query).get("host", ["/"])
    owner = Path(host).stat().st_uid if host.startswith("/") else 0
    return getpwuid(owner).pw_name if owner else "nobody"


def configuration(dsn: str, port: int) -> str:
    """Takes any client, and nothing but what it needs: no parameter is ignored, no query made at connecting."""
    url = urlsplit(dsn)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    server = {
        "host": url.hostname or query.get("host"),
        "port": url.port or query.get("port"),
        "user": url.username or query.get("user"),
        "password": url.password or query.get("password"),
    }
    words = " ".join(f"{name}={value}" for name, value in server.items() if value)
    return f"""
[databases]
* = {words}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
max_client_conn = 500
"""
