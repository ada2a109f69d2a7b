"""Where the processes of a server keep their numbers, so that each can tell those of all.

The library reads the variable when it is imported, which is after the fork; so it is not imported here.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def numbers_kept(within: Path | None) -> Iterator[None]:
    """For the length of the block, a directory of this server's own, or the one that the variable names, emptied."""
    if named := os.environ.get(VARIABLE):
        Path(named).mkdir(parents=True, exist_ok=True)
        for left_over in Path(named).glob("*.db"):
            left_over.unlink()
        yield
        return
    directory = tempfile.mkdtemp(prefix="watcher-metrics-", dir=within)
    os.environ[VARIABLE] = directory
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(directory, ignore_errors=True)


def forget_process(pid: int) -> None:
    """What a process had at the moment is no more; what it counted stays counted."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 (as above)

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
