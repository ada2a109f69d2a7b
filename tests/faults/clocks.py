"""A time of day of a program's own, which can jump while it runs: by a library that is loaded before all others."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("jumping_clock.c")
COMPILER = shutil.which("cc")


def obstacle() -> str | None:
    """Why no clock can be made to jump here, if none can."""
    if sys.platform != "linux":
        return "the library is for Linux"
    return None if COMPILER else "there is no C compiler"


def told_by(file: Path) -> Mapping[str, str]:
    """The environment of a program whose clock the file sets."""
    library = file.with_suffix(".so")
    if not library.exists():
        command = [
            str(COMPILER),
            "-shared",
            "-fPIC",
            "-O2",
            "-Wall",
            "-Werror",
            "-o",
            str(library),
            str(SOURCE),
        ]
        subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "WATCHER_FAULTS_CLOCK": str(file)}


def set_by(file: Path, seconds: int) -> None:
    """Sets the clock so many seconds ahead of the true time, or behind it."""
    with file.open("r+b" if file.exists() else "wb") as stream:
        stream.write(seconds.to_bytes(8, sys.byteorder, signed=True))
