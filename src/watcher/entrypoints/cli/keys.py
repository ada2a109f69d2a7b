"""Commands that look after API keys."""

import re
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from watcher.adapters.system_clock import SystemClock
from watcher.domain.callers import Scope
from watcher.domain.keys import PREFIX, ApiKey
from watcher.entrypoints.cli.program import app
from watcher.entrypoints.cli.terms import DatabaseUrl, DataDir, asked, console

key = typer.Typer(help="Look after the keys that requests carry.", no_args_is_help=True)
app.add_typer(key, name="key")

SPAN = re.compile(r"([1-9][0-9]{0,5})([hd])")
UNITS = {"h": "hours", "d": "days"}


def _instant(text: str) -> datetime:
    """An instant of ISO 8601, or so many hours or days from now."""
    if span := SPAN.fullmatch(text.strip()):
        return SystemClock().now() + timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter("an instant is needed, as 2027-06-30 or 90d or 12h") from None


@key.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whom or what it is for, for people.")],
    scope: Annotated[Scope, typer.Option(help="What it allows; each includes those before it.")],
    expires: Annotated[
        datetime | None,
        typer.Option(parser=_instant, metavar="INSTANT", help="Until when: 2027-06-30 (UTC), 90d, 12h."),
    ] = None,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, this one time. Only its digest is kept."""
    made = asked(database_url, lambda watcher: watcher.create_key(name, scope, expires), data_dir)
    typer.echo(made.text)
    until = "" if made.key.expires_at is None else f" until {_told(made.key.expires_at)} UTC"
    console.print(
        f"Key {made.key.id} may {made.key.scope}{until}. It is not shown again.", markup=False, soft_wrap=True
    )


@key.command("list")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """List the keys there ever were, with what became of them. Times are UTC."""
    import orjson

    keys = asked(database_url, lambda watcher: watcher.keys.all(), data_dir)
    now = SystemClock().now()
    if as_json:
        typer.echo(orjson.dumps([_fields(each, now) for each in keys], option=orjson.OPT_UTC_Z).decode())
        return
    table = Table("id", "name", "scope", "state", "created", "expires", "last used")
    for each in keys:
        times = (_told(each.created_at), _told(each.expires_at), _told(each.last_used_at))
        table.add_row(each.id, each.name, each.scope, each.state(now), *times)
    width = None if sys.stdout.isatty() else 200
    Console(markup=False, highlight=False, width=width).print(table)


@key.command("revoke")
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The key's id, or the whole key.")],
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
) -> None:
    """End a key, for every running Watcher within seconds."""
    identity = identity.removeprefix(PREFIX).partition("_")[
        0
    ]  # of a whole key, too; its secret is told to nobody
    ended = asked(database_url, lambda watcher: watcher.revoke_key(identity), data_dir)
    console.print(
        f"Key {ended.id} ({ended.name}) is revoked since {_told(ended.revoked_at)} UTC.",
        markup=False,
        soft_wrap=True,
    )


def _told(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M}"


def _fields(key: ApiKey, now: datetime) -> dict[str, object]:
    return asdict(key) | {"state": key.state(now)}
