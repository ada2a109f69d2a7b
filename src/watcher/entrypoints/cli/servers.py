"""Commands that run until they are told to stop."""

from pathlib import Path
from typing import Annotated

import typer

from watcher.entrypoints.cli.beginning import lacking, of_the_broker, of_the_database
from watcher.entrypoints.cli.program import app
from watcher.entrypoints.cli.terms import (
    DatabaseUrl,
    failed,
    require_broker,
    require_channels,
    require_database,
    require_safe,
    settings_with,
    tell,
)
from watcher.settings import Settings
from watcher.telemetry import logs
from watcher.uncollected import uncollected

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="Port to listen on.", show_default="8000")]
Insecure = Annotated[
    bool | None,
    typer.Option(
        "--insecure", help="Serve others than this machine without authentication.", show_default=False
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes that serve the API.", show_default="2")]


@app.command()
def up(
    host: Host = None,
    port: Port = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where the database lives.", show_default="~/.local/share/watcher, for root /var/lib/watcher"
        ),
    ] = None,
    workers: Workers = None,
    insecure: Insecure = None,
) -> None:
    """Run all of Watcher: a PostgreSQL of its own, migrated, and the API. Ctrl-C stops it."""
    from watcher.entrypoints.server import PortTaken
    from watcher.entrypoints.up import EmbeddedWatcher, Refused

    settings = settings_with(host=host, port=port, data_dir=data_dir, workers=workers, insecure=insecure)
    logs.begin(settings)
    require_safe(settings)
    require_channels(settings)
    try:
        EmbeddedWatcher(settings, lambda message: tell(settings, message)).run()
    except (Refused, PortTaken) as refusal:
        raise failed(refusal) from None


@app.command()
def api(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    database_url: DatabaseUrl = None,
    insecure: Insecure = None,
) -> None:
    """Serve the API on a PostgreSQL of your own, which `watcher migrate` has prepared."""
    from watcher.entrypoints.server import PortTaken, Server, obstacles, url

    settings = settings_with(
        host=host, port=port, workers=workers, database_url=database_url, insecure=insecure
    )
    logs.begin(settings)
    require_safe(settings)
    require_database(settings, database_url)
    require_channels(settings)
    try:
        found = obstacles(settings)
    except ValueError as error:
        raise failed(f"the database URL cannot be read: {error}") from None
    for obstacle in found:
        if "watcher migrate" in obstacle:
            raise failed(obstacle)
        tell(settings, f"Requests are answered 503 until this changes: {obstacle}")
    _warn_of_the_broker(settings, "Background work waits until this changes")

    def listening() -> None:
        tell(settings, f"Watcher listens on {url(settings)}, its API is described at {url(settings)}/docs")

    try:
        Server(settings, listening).run()
    except PortTaken as refusal:
        raise failed(refusal) from None


@app.command()
def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Processes: jobs that are done at a time.", show_default="2"),
    ] = None,
    database_url: DatabaseUrl = None,
    ping: Annotated[
        bool,
        typer.Option("--ping", help="Only say, by the exit code, whether a worker of this host is alive."),
    ] = False,
) -> None:
    """Do the background work that a broker holds. Start as many as you like, wherever you like."""
    settings = settings_with(worker_concurrency=concurrency, database_url=database_url)
    require_broker(settings)
    with uncollected():
        from watcher.entrypoints.worker.program import stillness, work

    if ping:
        reason = stillness(settings)
        if reason is not None:
            logs.begin(settings)
            tell(settings, reason)
        raise typer.Exit(0 if reason is None else 1)
    require_database(settings, database_url)
    logs.begin(settings)
    for obstacle in lacking(settings, of_the_database, "database"):
        tell(settings, f"Jobs wait until this changes: {obstacle}")

    raise typer.Exit(work(settings))


@app.command()
def beat(
    ping: Annotated[
        bool,
        typer.Option("--ping", help="Only say, by the exit code, whether the beat of this host is alive."),
    ] = False,
) -> None:
    """Send the jobs of the schedule to a broker. Several do no harm, and one is enough."""
    settings = settings_with()
    require_broker(settings)
    with uncollected():
        from watcher.entrypoints.worker.program import beat as keep_time
        from watcher.entrypoints.worker.program import beats

    if ping:
        raise typer.Exit(0 if beats() else 1)
    logs.begin(settings)
    _warn_of_the_broker(settings, "Nothing of the schedule is sent until this changes")
    keep_time(settings)


def _warn_of_the_broker(settings: Settings, meaning: str) -> None:
    for obstacle in lacking(settings, of_the_broker, "broker"):
        tell(settings, f"{meaning}: {obstacle} See WATCHER_BROKER_URL.")
