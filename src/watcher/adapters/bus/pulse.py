"""Whether this host's beat turns: it touches a file with each turn, which whoever asks looks at."""

import logging
import os
from pathlib import Path
from tempfile import gettempdir
from time import time

log = logging.getLogger(__name__)

SILENT_SECONDS = 120.0
"""After which a beat is taken for hung: it turns every 5 s, and while its broker is away every 35 s at least."""

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Nobody else's link is followed, in a directory that all may write to, and nobody else's pipe is waited for."""


def place() -> Path:
    """The file of this user's beats."""
    return Path(gettempdir()) / f"watcher-beat-{os.getuid()}"


class Pulse:
    """A file whose age tells when it was last touched."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def beat(self) -> None:
        """Touches the file. Where it cannot, the beat goes on with its work, and is told to be silent."""
        try:
            file = os.open(self._path, FLAGS, 0o600)
            try:
                os.utime(file)
            finally:
                os.close(file)
        except OSError as error:
            log.warning("This beat could not say that it lives: %s", error)

    def is_felt(self) -> bool:
        """Whether it beat of late, also by a clock that was set back since."""
        try:
            return abs(time() - self._path.lstat().st_mtime) <= SILENT_SECONDS
        except FileNotFoundError:
            return False
