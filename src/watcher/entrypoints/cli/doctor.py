"""`watcher doctor`: how everything is, for a person or a script."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from watcher.entrypoints.cli.program import app
from watcher.entrypoints.cli.terms import (
    DatabaseUrl,
    DataDir,
    as_given,
    failed,
    home_of,
    require_database,
    settings_with,
)

if TYPE_CHECKING:
    from watcher.domain.diagnosis import Diagnosis
    from watcher.settings import Settings

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}
WARNED, FAILED = 1, 2
"""The exit codes, beside 0."""


@app.command(
    epilog="Exit codes: 0 where nothing failed, 1 where there are warnings, with --strict only, 2 where something "
    "failed, or settings or options could not be read."
)
def doctor(
    database_url: DatabaseUrl = None,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where there are warnings.")] = False,
) -> None:
    """Look at everything, and say how it is and what to do. It writes nothing."""
    try:
        found = _diagnosed(database_url, data_dir)
    except typer.Exit:
        raise typer.Exit(FAILED) from None
    findings = [
        replace(each, advice=each.advice and as_given(each.advice, database_url)) for each in found.findings
    ]
    found = replace(found, findings=findings)
    if as_json:
        typer.echo(_json(found))
    else:
        Console(highlight=False).print(_table(found))
    if found.verdict == "failed":
        raise typer.Exit(FAILED)
    if found.verdict == "warning" and strict:
        raise typer.Exit(WARNED)


def _diagnosed(database_url: str | None, data_dir: Path | None) -> "Diagnosis":
    from watcher.adapters.embedded import EmbeddedPostgres, EmbeddedPostgresError
    from watcher.container.doctor import diagnosed

    if data_dir is None:
        settings = settings_with(database_url=database_url)
        require_database(settings, database_url)
        return _told(settings)
    try:
        with EmbeddedPostgres(home_of(data_dir)) as postgres:
            # As `watcher up` does: its jobs are done inside.
            own = settings_with(database_url=postgres.dsn).model_copy(update={"broker_url": None})
            return asyncio.run(diagnosed(own))
    except EmbeddedPostgresError as error:
        raise failed(error) from None


def _told(settings: "Settings") -> "Diagnosis":
    from watcher.container.doctor import diagnosed

    try:
        return asyncio.run(diagnosed(settings))
    except ValueError as error:
        raise failed(f"the database URL cannot be read: {error}") from None


def _table(found: "Diagnosis") -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in ("", "what", "how it is"):
        table.add_column(column)
    for finding in found.findings:
        style = STYLES[finding.verdict]
        advice = f"\n[dim]{escape(finding.advice)}[/]" if finding.advice else ""
        table.add_row(
            f"[{style}]{finding.verdict}[/]", escape(finding.topic), f"{escape(finding.detail)}{advice}"
        )
    return table


def _json(found: "Diagnosis") -> str:
    import orjson

    findings = [
        {"topic": each.topic, "verdict": each.verdict, "detail": each.detail, "advice": each.advice}
        for each in found.findings
    ]
    return orjson.dumps({"verdict": found.verdict, "findings": findings}, option=orjson.OPT_INDENT_2).decode()
