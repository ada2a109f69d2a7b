"""The command line: `watcher up | api | worker | beat | migrate | cleanup | lineage | alerts | key`."""

from watcher.entrypoints.cli import keys, servers, upkeep
from watcher.entrypoints.cli.program import app

__all__ = ["app", "keys", "main", "servers", "upkeep"]


def main() -> None:
    """The `watcher` program."""
    app()
