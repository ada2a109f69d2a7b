"""The process between us and PostgreSQL: it stops a server that nobody uses any more.

Run as a program of its own with nothing but the standard library. Its work cannot be done by a parent-death
signal from the process that started the server: that signal also comes when the starter ends in peace while
others still use the server, and when merely the thread ends which started it. So the users share a lock, the
keeper waits for all of them to be gone (the kernel frees the lock of a killed process), and only the keeper's
own death is signalled to the server, on Linux.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_us() -> Callable[[], None] | None:
    """Make what the child calls before it becomes PostgreSQL; the lookups happen here, before the fork."""
    if os.uname().sysname != "Linux":
        return None
    prctl, parent, getppid = ctypes.CDLL(None).prctl, os.getpid(), os.getppid

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if getppid() != parent:
            os._exit(1)

    return arrange


def stop_when_unused(server: subprocess.Popen[bytes], starting: int, users: int) -> None:
    """Wait until no user is left, then shut the server down (fast) before anybody may start the next.

    The starting lock is taken before the users lock is claimed, as everybody does: so a user who is about
    to join is waited for, and a claim that succeeds cannot be overtaken.
    """
    while True:
        fcntl.flock(users, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_UN)
        fcntl.flock(starting, fcntl.LOCK_EX)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(starting, fcntl.LOCK_UN)
            continue
        server.send_signal(signal.SIGINT)
        server.wait()
        return


def main(start_lock: str, users_lock: str, uid: str, gid: str, *command: str) -> int:
    """Run the server, as another user unless the ids are empty; ends when the server does."""
    starting, users = (os.open(path, os.O_RDWR | os.O_NOFOLLOW) for path in (start_lock, users_lock))
    server = subprocess.Popen(  # noqa: S603 (the command comes from launch.py, no shell)
        command,
        preexec_fn=dies_with_us(),  # noqa: PLW1509 (this process has one thread until the server runs)
        user=int(uid) if uid else None,
        group=int(gid) if gid else None,
        extra_groups=[] if uid else None,
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=stop_when_unused, args=(server, starting, users), daemon=True).start()
    return server.wait()


if __name__ == "__main__":
    os.setsid()
    os.chdir("/")
    sys.exit(main(*sys.argv[1:]))
