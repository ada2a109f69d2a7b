"""The command line: `watcher up | api | worker | beat | migrate | cleanup | lineage | alerts | doctor`."""

from watcher.entrypoints.cli import doctor, servers, upkeep
from watcher.entrypoints.cli.program import app

__all__ = ["app", "doctor", "main", "servers", "upkeep"]


def main() -> None:
    """The `watcher` program."""
    app()
