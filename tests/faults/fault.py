"""A fault: what is done to a system under load, and what has to hold besides what always has to."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.load import Load
from tests.faults.system import Stage, System, mount, unmount


@dataclass(slots=True)
class Scene:
    """A system and its load. Faults note what they saw, and what of it is wrong."""

    system: System
    load: Load
    seconds: float
    stack: ExitStack
    """What a fault has to have until the end, it enters here."""

    noted: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lasts(self) -> None:
        """The fault goes on."""
        time.sleep(self.seconds)

    def demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)


def possible() -> str | None:
    """No obstacle."""
    return None


def nothing(_: Scene) -> None:
    """No more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` makes it at the beginning of a block, and mends it at the end; in between it lasts for `seconds`.

    `afterwards` looks at what has to hold besides, once clients are served and runs are judged again. `obstacle` says why
    it cannot be made here, if it cannot. With `unnoticed` no client may be refused.
    """

    name: str
    done: str
    strike: Callable[[Scene], AbstractContextManager[None]]
    seconds: float = 8.0
    stage: Stage = field(default_factory=Stage)
    obstacle: Callable[[], str | None] = possible
    unnoticed: bool = False
    afterwards: Callable[[Scene], None] = nothing


def unmountable() -> str | None:
    """Why no volume can be made here, if none can."""
    if os.geteuid() != 0:
        return "only root may make a volume"
    with tempfile.TemporaryDirectory(prefix="watcher-volume-") as directory:
        try:
            mount(Path(directory), 1)
        except (OSError, subprocess.CalledProcessError):
            return "no volume may be made here"
        unmount(Path(directory))
    return None
