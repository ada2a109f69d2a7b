"""`python -m watcher` is `watcher`."""

from watcher.entrypoints.cli import main

main()
