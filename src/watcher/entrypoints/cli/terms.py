"""What commands have in common: options, settings, and how they end when they cannot go on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape

from watcher.domain.errors import RightsMissing, StoreUnavailable
from watcher.entrypoints.cli.mistakes import told, unreadable
from watcher.settings import MEMORY, Settings
from watcher.telemetry import logs

if TYPE_CHECKING:
    from watcher.domain.watcher import Watcher

console = Console(stderr=True, highlight=False)
Answer = TypeVar("Answer")
COMMAND_SECONDS = 3_600.0
"""The bound of a statement on the command line."""

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


def failed(reason: object, database_url: str | None = None) -> typer.Exit:
    """Says why on standard error, and what to do where that is known; to be raised. Of the URL see `as_given`."""
    said = as_given(str(reason), database_url)
    console.print(f"[bold red]Watcher cannot go on:[/] {escape(said)}", soft_wrap=True)
    advice = reason.advice if isinstance(reason, StoreUnavailable | RightsMissing) else None
    if advice is not None:
        console.print(as_given(advice, database_url), markup=False, soft_wrap=True)
    return typer.Exit(1)


def as_given(said: str, database_url: str | None) -> str:
    """It names the option instead of the setting, where the database's URL was given by the option."""
    return said if database_url is None else said.replace("WATCHER_DATABASE_URL", "--database-url")


def tell(settings: Settings, message: str) -> None:
    """Says it on standard error, in the form that logs have."""
    if logs.in_json(settings):
        logs.log.info(message)
    else:
        console.print(message, markup=False, soft_wrap=True)


def settings_with(**options: object) -> Settings:
    """The settings, with the options of the command line above the environment."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if "database_url" in given:
        given |= {
            "pooler_url": None,
            "replica_url": None,
        }  # those of the environment lead to another database
    try:
        return Settings(**given)
    except ValidationError as error:
        raise failed(told(error), given.get("database_url")) from None
    except SettingsError as error:
        reason = error.__cause__ or error
        raise failed(
            f"The settings cannot be read: {type(reason).__name__}, see `.env` and the files of secrets."
        ) from None


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
        async with closing(Container(settings=settings, program="command")) as watcher:
            return await question(watcher)

    options |= {"database_timeout": COMMAND_SECONDS}
    try:
        if data_dir is None:
            settings = settings_with(database_url=database_url, **options)
            require_database(settings, database_url)
            return asyncio.run(answer(settings))
        with EmbeddedPostgres(home_of(data_dir)) as postgres:
            return asyncio.run(answer(settings_with(database_url=postgres.dsn, **options)))
    except (WatcherError, ValueError, EmbeddedPostgresError) as error:
        raise failed(error, database_url) from None


def home_of(data_dir: Path) -> Path:
    """The home of a Watcher that is there; exits with a sentence where none is, and makes nothing."""
    from watcher.adapters.embedded import holds_cluster

    home = data_dir.expanduser().resolve()
    try:
        if holds_cluster(home):
            return home
        missing = "Watcher in" if home.is_dir() else "directory"
    except PermissionError:
        raise failed(f"{home} may not be looked into: run this as the user of its `watcher up`") from None
    raise failed(f"there is no {missing} {home}: name that of a `watcher up` with --data-dir")


def require_channels(settings: Settings) -> None:
    """Exits with a sentence when alerts could not be sent as the settings say."""
    from watcher.domain.alert_channels import BadChannels
    from watcher.entrypoints.server import require_channels as require

    try:
        require(settings)
    except BadChannels as error:
        raise failed(f"WATCHER_ALERT_CHANNELS: {error}") from None


def require_safe(settings: Settings) -> None:
    """Exits with a sentence when strangers could do everything."""
    from watcher.entrypoints.server import Exposed
    from watcher.entrypoints.server import require_safe as require

    try:
        require(settings)
    except Exposed as error:
        raise failed(error) from None


def require_database(settings: Settings, database_url: str | None = None) -> str:
    """The DSN of the settings, `database_url` being that of the option; exits with a sentence when there is none, or none that can be read."""
    if settings.database_url is None or settings.database_url.get_secret_value() == MEMORY:
        raise failed(
            "no PostgreSQL is named. Set WATCHER_DATABASE_URL or --database-url, or use `watcher up`, "
            "which brings its own; a command beside it finds that by --data-dir."
        )
    urls = {
        "DATABASE_URL": settings.database_url,
        "POOLER_URL": settings.pooler_url,
        "REPLICA_URL": settings.replica_url,
    }
    for name, url in urls.items():
        mistake = unreadable(f"WATCHER_{name}", url.get_secret_value()) if url is not None else None
        if mistake is not None:
            raise failed(mistake, database_url)
    return settings.database_url.get_secret_value()


def require_broker(settings: Settings) -> None:
    """Exits with a sentence when the settings name no broker."""
    if settings.broker_url is None:
        raise failed(
            "no broker is named. Set WATCHER_BROKER_URL, e.g. redis://127.0.0.1:6379/0. Without one `watcher api` "
            "and `watcher up` do the background work themselves."
        )
