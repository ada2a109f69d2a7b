"""The program itself, to which the commands add themselves."""

from importlib.metadata import version
from typing import Annotated

import typer

app = typer.Typer(
    name="watcher",
    help="The metadata service that knows what your data pipelines did.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Options stand above settings: environment variables WATCHER_<NAME>, or lines of .env. "
    "There are more settings than options, see docs/settings.md.",
)


@app.callback(invoke_without_command=True)
def program(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show_version:
        typer.echo(version("watcher-etl"))
        raise typer.Exit
