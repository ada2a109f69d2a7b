"""`watcher key` as people use it."""

import json
import os
import subprocess
import sys
from typing import Any


def watcher_key(dsn: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """What `watcher key` with these arguments did."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WATCHER_")}
    own = {f"WATCHER_{name.upper()}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "watcher", "key", *arguments],
        env=inherited | own | {"WATCHER_DATABASE_URL": dsn, "NO_COLOR": "1"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def created(dsn: str, scope: str, *arguments: str, name: str = "test", **settings: str) -> str:
    """A new key."""
    done = watcher_key(dsn, "create", "--name", name, "--scope", scope, *arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def listed(dsn: str) -> list[dict[str, Any]]:
    done = watcher_key(dsn, "list", "--json")
    assert done.returncode == 0, done.stderr
    keys: list[dict[str, Any]] = json.loads(done.stdout)
    return keys


def identity(key: str) -> str:
    return key.split("_")[1]


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
