"""Commands that look after what Watcher keeps."""

import asyncio
from dataclasses import fields
from typing import Annotated

import typer

from watcher.entrypoints.cli.program import app
from watcher.entrypoints.cli.terms import (
    DatabaseUrl,
    DataDir,
    asked,
    console,
    failed,
    require_channels,
    require_database,
    settings_with,
)
from watcher.settings import MEMORY

lineage = typer.Typer(help="Look after the record of lineage.", no_args_is_help=True)
app.add_typer(lineage, name="lineage")
alerts = typer.Typer(help="Look after the channels that alerts go to.", no_args_is_help=True)
app.add_typer(alerts, name="alerts")


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
        asyncio.run(migrations.migrate(require_database(settings, database_url)))
    except (WatcherError, ValueError) as error:
        raise failed(error, database_url) from None
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
