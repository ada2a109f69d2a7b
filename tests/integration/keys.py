"""`watcher key` as people use it."""

import json
import os
from typing import Any

from typer.testing import CliRunner, Result

from watcher.entrypoints.cli import app


def watcher_key(dsn: str, *arguments: str, **settings: str) -> Result:
    """What `watcher key` with these arguments did, in this process: a program of its own takes seconds to start."""
    others: dict[str, str | None] = {name: None for name in os.environ if name.startswith("WATCHER_")}
    own = {f"WATCHER_{name.upper()}": value for name, value in settings.items()}
    environment = others | own | {"WATCHER_DATABASE_URL": dsn, "NO_COLOR": "1", "COLUMNS": "200"}
    return CliRunner().invoke(app, ["key", *arguments], env=environment)


def created(dsn: str, scope: str, *arguments: str, name: str = "test", **settings: str) -> str:
    """A new key."""
    done = watcher_key(dsn, "create", "--name", name, "--scope", scope, *arguments, **settings)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def listed(dsn: str) -> list[dict[str, Any]]:
    done = watcher_key(dsn, "list", "--json")
    assert done.exit_code == 0, done.output
    keys: list[dict[str, Any]] = json.loads(done.stdout)
    return keys


def identity(key: str) -> str:
    return key.split("_")[1]


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
