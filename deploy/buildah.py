"""Images without a container engine: built by Debian's buildah on a minimal Debian, and run in namespaces."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INCLUDED = "python3,python3-venv,ca-certificates"
NAMED = re.compile(r"^ARG BASE=python:(\d+\.\d+)[.\d]*-slim-(\w+)", re.MULTILINE)
UNREAD = ("man", "doc", "info", "locale")
"""Below `/usr/share`, and left out by Debian's slim images, too."""

CERTIFICATES = Path("/etc/ssl/certs")
BASE, IMAGE = "localhost/watcher-base", "localhost/watcher"
SOCKET = Path("run/postgres/.s.PGSQL.5432")

CONTAINER = """
set -eu
PATH=$PATH:/usr/sbin:/sbin
root=$1 socket=$2 user=$3; shift 3
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$socket" "$root/run/postgres/.s.PGSQL.5432"
mount -t tmpfs tmpfs "$root/tmp"
mount -o remount,ro,bind "$root" "$root"
exec chroot "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all env --chdir=/tmp "$@"
"""
"""Namespaces of its own for mounts only: it shares the network, so that it gets to the servers of this machine."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as a directory, with what it says about itself and the size of what it adds to its base."""

    root: Path
    config: Mapping[str, Any]
    own_bytes: int
    base_bytes: int

    def command(self, socket: Path, settings: Mapping[str, str], *arguments: str) -> list[str]:
        """A command that runs the image's program with these settings and arguments."""
        environment = [*self.config["Env"], *(f"{name}={value}" for name, value in settings.items())]
        entry = [*self.config["Entrypoint"], *arguments]
        return self.inside(socket, *environment, *entry)

    def inside(self, socket: Path, *words: str) -> list[str]:
        user = str(self.config["User"])
        shell = ["unshare", "--mount", "sh", "-c", CONTAINER, "sh", str(self.root), str(socket), user]
        return [*shell, "-i", *words]


class Tools:
    """Debian's own, with a store of images in the directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        storage = directory / "storage.conf"
        places = f'graphroot = "{directory}/graph"\nrunroot = "{directory}/run"\n'
        self._environment = os.environ | {"CONTAINERS_STORAGE_CONF": str(storage)}
        for driver in ("overlay", "vfs"):  # which takes longer, and works wherever the other does not
            storage.write_text(f'[storage]\ndriver = "{driver}"\n{places}')
            if self._works():
                break

    def _works(self) -> bool:
        command = ["buildah", "info"]
        asked = subprocess.run(command, env=self._environment, capture_output=True, check=False)
        return asked.returncode == 0

    def build(self) -> None:
        tar = self._directory / "base.tar"
        if not tar.exists():
            new = tar.with_suffix(".new")
            left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNREAD]
            self._run(
                "mmdebstrap", "--format=tar", "--variant=minbase", f"--include={INCLUDED}", *left_out, named_base()[1], new
            )  # fmt: skip
            new.replace(tar)
        container = self._run("buildah", "from", "scratch")
        self._run("buildah", "add", "--quiet", container, tar, "/")
        self._run("buildah", "commit", "--quiet", "--rm", container, BASE)
        volumes = [f"--volume={source}:{target}:ro" for source, target in self._registry().items()]
        self._run(
            "buildah", "build", "--isolation=chroot", "--network=host", "--pull-never", "--format=docker", "--no-cache",
            f"--build-arg=BASE={BASE}", *volumes, f"--tag={IMAGE}", ROOT,
        )  # fmt: skip

    @contextmanager
    def mounted(self) -> Iterator[Image]:
        """The image, mounted, and not to be written by what runs in it."""
        try:
            container = self._run("buildah", "from", "--pull-never", IMAGE)
            root = Path(self._run("buildah", "mount", container))
            (root / SOCKET).parent.mkdir(parents=True)
            (root / SOCKET).touch()
            described = json.loads(self._run("buildah", "inspect", "--type=image", IMAGE))
            whole, base = size(root), size(Path(self._run("buildah", "mount", self._from_base())))
            yield Image(root, described["Docker"]["config"], whole - base, base)
        finally:
            self._run("buildah", "rm", "--all")

    def _from_base(self) -> str:
        return self._run("buildah", "from", "--pull-never", BASE)

    def _registry(self) -> Mapping[Path, str]:
        """This machine's package index and certificates, lent to the build; nothing of them stays in the image."""
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
        )
        lines = [line.partition("=") for line in listed.stdout.splitlines()]
        values = {name.rpartition(".")[2]: value.strip("'\"") for name, _, value in lines}
        configuration = self._directory / "pip.conf"
        told = "".join(f"{name} = {value}\n" for name, value in values.items() if name != "find-links")
        configuration.write_text(f"[global]\n{told}")
        words = " ".join(values.values()).split()
        local = [Path(word.removeprefix("file://")) for word in words if word.startswith("file:///")]
        roots = {path.parent if path.name == "simple" else path for path in local}
        lent = {path: str(path) for path in (CERTIFICATES, *roots) if path.is_dir()}
        return {configuration: "/etc/pip.conf"} | lent

    def _run(self, *words: str | Path) -> str:
        """What a program says on standard output; its failure is ours, with all that it said."""
        say(" ".join(map(str, words[:4])))
        done = subprocess.run(
            [*map(str, words)], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(
                f"{done.stdout[-5_000:]}\n{done.stderr[-5_000:]}\nThis failed: {' '.join(map(str, words))}"
            )
        return (
            done.stdout.strip().splitlines()[-1]
            if words[1] != "inspect" and done.stdout.strip()
            else done.stdout
        )


def named_base() -> tuple[str, str]:
    """Version of Python and release of Debian of the image that the Dockerfile builds upon."""
    found = NAMED.search((ROOT / "Dockerfile").read_text())
    if found is None:
        sys.exit("The Dockerfile names no slim image of Python.")
    return found[1], found[2]


def size(root: Path) -> int:
    """The bytes of all files."""
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
