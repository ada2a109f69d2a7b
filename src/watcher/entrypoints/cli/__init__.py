"""The command line: `watcher up | api | worker | beat | migrate | cleanup | lineage | alerts`."""

from watcher.entrypoints.cli import servers, upkeep
from watcher.entrypoints.cli.program import app

__all__ = ["app", "main", "servers", "upkeep"]


def main() -> None:
    """The `watcher` program."""
    app()
