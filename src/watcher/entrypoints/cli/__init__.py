"""The command line: `watcher up | api | worker | beat | migrate | cleanup | lineage | alerts | key | doctor`."""

from watcher.entrypoints.cli import doctor, keys, servers, upkeep
from watcher.entrypoints.cli.program import app

__all__ = ["app", "doctor", "keys", "main", "servers", "upkeep"]


def main() -> None:
    """The `watcher` program."""
    app()
