"""Advisory file locks: the kernel frees those of a killed process, so that nothing can leak."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from watcher.adapters.embedded.errors import EmbeddedPostgresError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.02


def opened(path: Path) -> int:
    """Open for appending; never through a symbolic link, for root works in a directory it gave away."""
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def share(descriptor: int) -> None:
    """Take the shared lock; waits only for a holder of the exclusive one."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def claim(descriptor: int) -> bool:
    """Take the exclusive lock if nobody else holds any; an own shared lock may be lost by the attempt."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release(descriptor: int) -> None:
    """Unlock and close. Closing alone would leave the lock with every forked copy of the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextmanager
def held(path: Path, seconds: float) -> Iterator[int]:
    """Hold the exclusive lock on a file; gives the descriptor, so that a child can be made to hold it too.

    The lock is freed by closing, not by unlocking: a child which got the descriptor goes on holding it.
    """
    descriptor = opened(path)
    try:
        deadline = time.monotonic() + seconds
        while not claim(descriptor):
            if time.monotonic() > deadline:
                message = f"Another process starts or stops PostgreSQL for {seconds:.0f} s ({path})."
                raise EmbeddedPostgresError(message)
            time.sleep(POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)
