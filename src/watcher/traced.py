"""What is traced now, for those who hand work to others: a thread, a queue, a statement for many.

Knows nothing of tracing itself. Without telemetry nothing is ever traced, and asking costs a look.
"""

from contextvars import Context, ContextVar, copy_context

TRACED = ContextVar("watcher_traced", default=False)
"""Whether somebody records what happens in this context."""


def context() -> Context | None:
    """Where work has to run that belongs to the trace under way; None where none is recorded."""
    return copy_context() if TRACED.get() else None
