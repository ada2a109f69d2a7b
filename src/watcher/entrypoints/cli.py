"""The command line: `watcher up | api | worker | beat | migrate | cleanup | lineage | alerts`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from watcher.settings import MEMORY, Settings

if TYPE_CHECKING:
    from watcher.domain.watcher import Watcher

app = typer.Typer(
    name="watcher",
    help="The metadata service that knows what your data pipelines did.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Options stand above settings: environment variables WATCHER_<NAME>, or lines of .env. "
    "There are more settings than options, see docs/settings.md.",
)
lineage = typer.Typer(help="Look after the record of lineage.", no_args_is_help=True)
app.add_typer(lineage, name="lineage")
alerts = typer.Typer(help="Look after the channels that alerts go to.", no_args_is_help=True)
app.add_typer(alerts, name="alerts")
console = Console(stderr=True, highlight=False)
Answer = TypeVar("Answer")
COMMAND_SECONDS = 3_600.0
"""The bound of a statement on the command line."""

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(min=1, max=65_535, help="Port to listen on.", show_default="8000")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes that serve the API.", show_default="2")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="The database of a `watcher up`, by its directory.", show_default=False),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="PostgreSQL to use: postgresql://user:password@host:port/database.",
        show_default="WATCHER_DATABASE_URL",
    ),
]


def main() -> None:
    """The `watcher` program."""
    app()


def failed(reason: object) -> typer.Exit:
    """Says why on standard error; to be raised."""
    console.print(f"[bold red]Watcher cannot go on:[/] {escape(str(reason))}", soft_wrap=True)
    return typer.Exit(1)


def settings_with(**options: object) -> Settings:
    """The settings, with the options of the command line above the environment."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = (
            ": ".join(
                filter(
                    None,
                    (
                        "_".join(map(str, ("WATCHER", *e["loc"]))).upper() if e["loc"] else "",
                        e["msg"].removeprefix("Value error, "),
                    ),
                )
            )
            for e in error.errors()
        )
        raise failed("; ".join(lines)) from None


@app.callback(invoke_without_command=True)
def program(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(version("watcher-etl"))
        raise typer.Exit


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
) -> None:
    """Run all of Watcher: a PostgreSQL of its own, migrated, and the API. Ctrl-C stops it."""
    from watcher.entrypoints.server import PortTaken
    from watcher.entrypoints.up import EmbeddedWatcher, Refused

    settings = settings_with(host=host, port=port, data_dir=data_dir, workers=workers)
    require_channels(settings)
    try:
        EmbeddedWatcher(settings, console).run()
    except (Refused, PortTaken) as refusal:
        raise failed(refusal) from None


@app.command()
def api(
    host: Host = None, port: Port = None, workers: Workers = None, database_url: DatabaseUrl = None
) -> None:
    """Serve the API on a PostgreSQL of your own, which `watcher migrate` has prepared."""
    from watcher.entrypoints.server import PortTaken, Server, obstacles, url

    settings = settings_with(host=host, port=port, workers=workers, database_url=database_url)
    require_database(settings)
    require_channels(settings)
    try:
        found = obstacles(settings)
    except ValueError as error:
        raise failed(f"the database URL cannot be read: {error}") from None
    for obstacle in found:
        if "watcher migrate" in obstacle:
            raise failed(obstacle)
        console.print(
            f"Requests are answered 503 until this changes: {obstacle}", markup=False, soft_wrap=True
        )

    def listening() -> None:
        console.print(
            f"Watcher listens on {url(settings)}, its API is described at {url(settings)}/docs",
            markup=False,
            soft_wrap=True,
        )

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
) -> None:
    """Do the background work that a broker holds. Start as many as you like, wherever you like."""
    settings = settings_with(worker_concurrency=concurrency, database_url=database_url)
    require_database(settings)
    require_broker(settings)
    from watcher.entrypoints.worker.program import work

    raise typer.Exit(work(settings))


@app.command()
def beat() -> None:
    """Send the jobs of the schedule to a broker. Several do no harm, and one is enough."""
    settings = settings_with()
    require_broker(settings)
    from watcher.entrypoints.worker.program import beat as keep_time

    keep_time(settings)


@app.command()
def migrate(
    database_url: DatabaseUrl = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL for an empty database instead of running it.")
    ] = False,
) -> None:
    """Bring the schema of a PostgreSQL of your own up to date. Safe to repeat, and to run at once."""
    from watcher.adapters.postgres import migrate as migrations
    from watcher.domain.errors import WatcherError

    if sql:
        typer.echo(migrations.script())
        return
    settings = settings_with(database_url=database_url)
    try:
        asyncio.run(migrations.migrate(require_database(settings)))
    except (WatcherError, ValueError) as error:
        raise failed(error) from None
    console.print("The database is up to date.")


@app.command()
def cleanup(
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    retention_days: Annotated[
        int | None,
        typer.Option(
            min=90, max=36_500, help="Days to keep what ended.", show_default="WATCHER_RETENTION_DAYS, 400"
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, max=100_000, help="Executions to delete in one transaction.")
    ] = 10_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, delete nothing.")] = False,
) -> None:
    """Delete executions that ended long ago, a whole tree at a time. Can be broken off and begun again."""
    settings = settings_with(retention_days=retention_days)
    gone = asked(
        database_url,
        lambda watcher: watcher.clean_up(settings.retention_days, batch_size, dry_run=dry_run),
        data_dir,
    )
    for field in fields(gone):
        what = field.name.removeprefix("total_").removesuffix("_deleted").replace("_", " ")
        typer.echo(f"{getattr(gone, field.name):>12,} {what}")
    console.print("would be deleted." if dry_run else "were deleted.")


@lineage.command()
def verify(database_url: DatabaseUrl = None, data_dir: DataDir = None) -> None:
    """Compare the closure of lineage with the edges it follows from. Exit code 1 when it is wrong."""
    verified = asked(database_url, lambda watcher: watcher.closure.verify(), data_dir)
    for wrong in verified.wrong:
        typer.echo(wrong)
    console.print(
        f"{verified.checked:,} reaches compared, {len(verified.wrong):,} wrong, "
        f"{verified.pending:,} left out as unfinished."
    )
    if verified.wrong:
        console.print("`watcher lineage rebuild` makes the closure anew.", markup=False)
        raise typer.Exit(1)


@lineage.command()
def rebuild(database_url: DatabaseUrl = None, data_dir: DataDir = None) -> None:
    """Make the closure of lineage anew from the edges. Answers stay right meanwhile, and only get slower."""
    entries = asked(database_url, lambda watcher: watcher.rebuild_closure(), data_dir)
    console.print(f"The closure was made anew, from {entries:,} entries.")


@lineage.command()
def prune(
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=36_500,
            help="Days of history to keep.",
            show_default="WATCHER_LINEAGE_RETENTION_DAYS, 400",
        ),
    ] = None,
) -> None:
    """Forget lineage that is no more since some days. A running Watcher does this by itself every hour."""
    gone = asked(database_url, lambda watcher: watcher.prune_lineage(), data_dir, lineage_retention_days=days)
    console.print(f"{gone:,} edges and declarations of the past forgotten.")


@alerts.command("test")
def try_alerts() -> None:
    """Send a test message to every channel, whatever its severity. Exit code 1 when one did not arrive."""
    from watcher.container import Container

    settings = settings_with(database_url=MEMORY)
    require_channels(settings)
    outcomes = asyncio.run(Container(settings=settings).watcher().try_channels())
    if not outcomes:
        raise failed("there is no channel: set WATCHER_ALERT_CHANNELS, see docs/alerts.md")
    for name, error in outcomes:
        typer.echo(f"{name}: {'delivered' if error is None else f'not delivered, {error}'}")
    if any(error for _, error in outcomes):
        raise typer.Exit(1)


def asked(
    database_url: str | None,
    question: "Callable[[Watcher], Awaitable[Answer]]",
    data_dir: Path | None = None,
    **options: object,
) -> Answer:
    """What a Watcher without a server answers; exits with a sentence when it cannot.

    Without the bound that statements have beside clients: who asks on the command line can break it off.
    """
    from watcher.adapters.embedded import EmbeddedPostgres, EmbeddedPostgresError
    from watcher.container import Container, closing
    from watcher.domain.errors import WatcherError

    async def answer(settings: Settings) -> Answer:
        async with closing(Container(settings=settings)) as watcher:
            return await question(watcher)

    options |= {"database_timeout": COMMAND_SECONDS}
    try:
        if data_dir is None:
            settings = settings_with(database_url=database_url, **options)
            require_database(settings)
            return asyncio.run(answer(settings))
        with EmbeddedPostgres(data_dir.expanduser().resolve()) as postgres:
            return asyncio.run(answer(settings_with(database_url=postgres.dsn, **options)))
    except (WatcherError, ValueError, EmbeddedPostgresError) as error:
        raise failed(error) from None


def require_channels(settings: Settings) -> None:
    """Exits with a sentence when alerts could not be sent as the settings say."""
    from watcher.domain.alert_channels import BadChannels
    from watcher.entrypoints.server import require_channels as require

    try:
        require(settings)
    except BadChannels as error:
        raise failed(f"WATCHER_ALERT_CHANNELS: {error}") from None


def require_database(settings: Settings) -> str:
    """The DSN of the settings; exits with a sentence when there is none."""
    if settings.database_url is None or settings.database_url.get_secret_value() == MEMORY:
        raise failed(
            "no PostgreSQL is named. Set WATCHER_DATABASE_URL or --database-url, or use `watcher up`, "
            "which brings its own; a command beside it finds that by --data-dir."
        )
    return settings.database_url.get_secret_value()


def require_broker(settings: Settings) -> None:
    """Exits with a sentence when the settings name no broker."""
    if settings.broker_url is None:
        raise failed(
            "no broker is named. Set WATCHER_BROKER_URL, e.g. redis://127.0.0.1:6379/0. Without one `watcher api` "
            "and `watcher up` do the background work themselves."
        )
