"""A limit of memory for programs: a cgroup of their own, out of which the kernel kills whoever grows beyond it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

FIRST = Path("/sys/fs/cgroup/memory")
SECOND = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
LEAVING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Names:
    """What the files of a group are called, by the version of cgroups."""

    limit: str
    boundless: str
    events: str
    anonymous: str
    """In `memory.stat`: what is no cache."""


NAMES = {
    1: Names("memory.limit_in_bytes", "-1", "memory.oom_control", "total_rss"),
    2: Names("memory.max", "max", "memory.events", "anon"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup. Processes that its members begin are members, too."""

    path: Path
    version: int

    def enter(self, pid: int) -> None:
        (self.path / "cgroup.procs").write_text(f"{pid}")

    def members(self) -> list[int]:
        return [int(line) for line in (self.path / "cgroup.procs").read_text().split()]

    def limit(self, size: int | None) -> None:
        """To so many bytes; None is no limit."""
        names = NAMES[self.version]
        (self.path / names.limit).write_text(names.boundless if size is None else f"{size}")

    def anonymous(self) -> int:
        """Bytes that its processes hold and the kernel cannot take back."""
        return _number(self.path / "memory.stat", NAMES[self.version].anonymous)

    def kills(self) -> int:
        """How many of its processes the kernel has killed for lack of memory."""
        return _number(self.path / NAMES[self.version].events, "oom_kill")


def _number(file: Path, name: str) -> int:
    lines = (line.split() for line in file.read_text().splitlines())
    return next(int(value) for key, value in lines if key == name)


def _parent() -> tuple[Path, int] | None:
    """Where a group can be made: below this process's own, so that outer limits go on to hold. Of the second version
    it is the nearest one above which gives memory to groups, as one that has processes may not do so.
    """
    own = {
        controllers: path
        for _, controllers, path in (
            line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()
        )
    }
    for root in SECOND:
        controllers = root / "cgroup.controllers"
        if controllers.exists() and "memory" in controllers.read_text().split():
            here = root / own.get("", "/").lstrip("/")
            for each in (here, *here.parents):
                shared = each / "cgroup.subtree_control"
                if shared.exists() and "memory" in shared.read_text().split():
                    return each, 2
    first = FIRST / own.get("memory", "/").lstrip("/")
    return (first, 1) if (first / NAMES[1].limit).exists() else None


def obstacle() -> str | None:
    """Why memory cannot be limited here, if it cannot."""
    if os.geteuid() != 0:
        return "only root may limit memory"
    if _parent() is None:
        return "there are no cgroups for memory"
    try:
        with group():
            return None
    except OSError as error:
        return f"no cgroup can be made: {error.strerror}"


@contextmanager
def group() -> Iterator[Group]:
    """A new one without a limit. Who is in it when the block ends is where this process is from then on."""
    found = _parent()
    assert found is not None
    parent, version = found
    made = Group(parent / f"watcher-{uuid4().hex}", version)
    made.path.mkdir()
    try:
        made.kills()
        yield made
    finally:
        _leave(made, Group(_own(version, parent), version))
        made.path.rmdir()


def _own(version: int, parent: Path) -> Path:
    """The group of this process: of the first version the parent of those it makes."""
    if version == 1:
        return parent
    line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    root = next(each for each in (parent, *parent.parents) if each in SECOND)
    return root / line.removeprefix("0::").lstrip("/")


def _leave(made: Group, home: Group) -> None:
    deadline = time.monotonic() + LEAVING_SECONDS
    while members := made.members():
        assert time.monotonic() < deadline, f"processes stay in their cgroup: {members}"
        for pid in members:
            try:
                home.enter(pid)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
