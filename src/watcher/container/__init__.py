"""The object graph: which adapter stands behind which port, and what lives as long as the graph."""

from watcher.container.graph import Container, closing, limiting, recognizing, working, working_off
from watcher.container.stores import dsn

__all__ = ["Container", "closing", "dsn", "limiting", "recognizing", "working", "working_off"]
