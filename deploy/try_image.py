"""Builds the image and runs it, without a container engine: `python -m deploy.try_image [DIRECTORY]`, as root on Debian.

    apt-get install --no-install-recommends buildah mmdebstrap

The base is a minimal Debian with its Python, of the release and version of the image that the Dockerfile names, which a
registry would have. Each command of Watcher is run as a container is: as the image's user, without capabilities, on a
root file system that cannot be written, on a PostgreSQL and a Redis of this machine. The directory keeps the base, and
is temporary where none is named.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.buildah import Image, Tools, named_base, say
from tests.broker import private_broker
from tests.conftest import directory_for_all
from tests.integration.programs import free_port, until
from tests.server import fetch, name_of
from watcher.adapters.embedded import EmbeddedPostgres

PROGRAMS = ("buildah", "mmdebstrap", "unshare", "setpriv")
LIMIT_MB = 250
"""Of the image as a whole, unpacked."""

UNWANTED = ("pip", "pip3", "gcc", "cc", "g++", "make", "ld", "strip", "hatchling", "postgres")
MILLION = 1_000_000


def main() -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        sys.exit(f"This needs root, and {', '.join(missing) or 'nothing else'}.\n{__doc__}")
    with kept(sys.argv[1:]) as directory:
        tools = Tools(directory)
        tools.build()
        with tools.mounted() as image:
            look_at(image)
            run(image)
    say("The image is well.")


@contextmanager
def kept(arguments: Sequence[str]) -> Iterator[Path]:
    """The named directory, or a temporary one."""
    if arguments:
        directory = Path(arguments[0])
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="watcher-image-") as temporary:
        yield Path(temporary)


def look_at(image: Image) -> None:
    """Fails where the image holds what it should not, or lacks what it needs."""
    own, base = image.own_bytes / MILLION, image.base_bytes / MILLION
    say(f"The image adds {own:.0f} MB to its base, which is {base:.0f} MB.")
    require(own + base < LIMIT_MB, f"it has less than {LIMIT_MB} MB")
    python = f"python{named_base()[0]}"
    require((image.root / "opt/watcher/lib" / python).is_dir(), f"its Python is the base's, {python}")
    require("Healthcheck" in image.config, "it says how to ask for its health")
    places = [*image.config["Env"][0].removeprefix("PATH=").split(":")]
    there = [f"{place}/{name}" for place in places for name in UNWANTED]
    found = [name for name in there if (image.root / name.lstrip("/")).exists()]
    require(not found, f"nothing that builds is left in it, nor a PostgreSQL: {found}")
    caches = [path for path in (image.root / "root").rglob("*") if "cache" in path.name]
    require(not caches, f"no cache is left in it: {caches}")
    configuration = image.root / "etc/pip.conf"
    lent = configuration.exists() and configuration.read_text() != ""
    require(not lent, "nothing of this machine's package index is left in it")
    packages = [path.name for path in image.root.glob("opt/watcher/lib/python3*/site-packages/*")]
    strangers = [name for name in packages if name.startswith(("pip", "setuptools", "hatch", "embedded_"))]
    require(not strangers, f"nor what only the build needed: {strangers}")


def run(image: Image) -> None:
    """Migrates, serves, works and keeps the time, on servers of this machine."""
    with (
        directory_for_all() as directory,
        EmbeddedPostgres(directory / "home", settings={"unix_socket_permissions": "0777"}) as server,
        private_broker(free_port()) as broker,
    ):
        socket = next((directory / "home").rglob(".s.PGSQL.5432"))
        port = free_port()
        settings = {
            "WATCHER_DATABASE_URL": f"postgresql://watcher@/{name_of(server.dsn)}?host=/run/postgres",
            "WATCHER_BROKER_URL": broker.url,
            "WATCHER_HOST": "127.0.0.1",
            "WATCHER_PORT": f"{port}",
        }
        confined(image, socket)
        done(image.command(socket, settings, "--help"), "watcher --help")
        done(image.command(socket, settings, "migrate"), "watcher migrate")
        done(image.command(socket, settings, "migrate"), "watcher migrate, again")
        with (
            running(image.command(socket, settings, "api"), "watcher api"),
            running(image.command(socket, settings, "worker"), "watcher worker"),
            running(image.command(socket, settings, "beat"), "watcher beat"),
        ):
            serves(f"http://127.0.0.1:{port}")
            health = [*image.config["Env"], f"WATCHER_PORT={port}", *image.config["Healthcheck"]["Test"][1:]]
            done(image.inside(socket, *health), "its health check")
            ping = image.command(socket, settings, "worker", "--ping")
            until(lambda: subprocess.run(ping, check=False).returncode == 0, 60, "the worker lives")
            say("ok: watcher worker --ping")
            judged = "SELECT count(*) FROM freshness_pipeline_log"
            until(
                lambda: asyncio.run(fetch(server.dsn, judged)) == [(1,)],
                60,
                "the worker did what was to be done",
            )
            say("ok: the worker found the stale pipeline that the API announced it was asked to look for")


def confined(image: Image, socket: Path) -> None:
    """Fails where what runs in the image could do more than it should."""
    script = (
        "id -u; grep CapEff /proc/self/status; touch /here /opt/watcher/here 2>/dev/null || echo read-only"
    )
    said = done(image.inside(socket, "PATH=/usr/bin:/bin", "sh", "-c", script), "a shell in it").split()
    require(said[0] == "10001", "it is the user 10001")
    require(int(said[2], 16) == 0, "without capabilities")
    require(said[3] == "read-only", "on a root file system that cannot be written")


def serves(url: str) -> None:
    """Fails unless the API does what it is for."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:

        def ready() -> bool:
            try:
                return bool(client.get("/health/ready").json()["status"] == "ok")
            except httpx.TransportError:
                return False

        until(ready, 60, "the API is ready")
        body = {
            "name": "tried",
            "pipeline_type_name": "load",
            "freshness_number": 1,
            "freshness_datepart": "hour",
        }
        pipeline = client.post("/pipeline", json=body).raise_for_status().json()["id"]
        start = {"pipeline_id": pipeline, "start_date": "2026-01-01T00:00:00Z"}
        identity = client.post("/start_pipeline_execution", json=start).raise_for_status().json()["id"]
        end = {
            "id": identity,
            "end_date": "2026-01-01T00:01:00Z",
            "completed_successfully": True,
            "inserts": 1,
        }
        client.post("/end_pipeline_execution", json=end).raise_for_status()
        client.post("/freshness").raise_for_status()
    say("ok: a pipeline was declared, and a run of it started and ended")


@contextmanager
def running(command: Sequence[str], what: str) -> Iterator[None]:
    """Runs it for the length of a block; fails unless it then ends in order."""
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield
            require(process.poll() is None, f"{what} runs")
            process.terminate()
            require(process.wait(60) == 0, f"{what} ends in order")
        except BaseException:
            process.kill()
            log.seek(0)
            say(log.read()[-5_000:])
            raise


def done(command: Sequence[str], what: str) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    require(finished.returncode == 0, f"{what}{'' if finished.returncode == 0 else finished.stderr}")
    return finished.stdout


def require(true: bool, what: str) -> None:
    if not true:
        raise AssertionError(f"not true: {what}")
    say(f"ok: {what}")


if __name__ == "__main__":
    main()
