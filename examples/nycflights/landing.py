"""The landing directory: where upstream leaves one CSV file per day, or fails to."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from examples.nycflights.dataset import Flights


class SourceMissing(Exception):
    """Upstream has not delivered the day, or delivered it without a single row."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Files are looked at only when their day is due, so a gap or a damaged file is found as in production.

    With `upstream`, a day that is not there yet is delivered when it is asked for; without, the directory
    is all there is. A file which lies there is never written again by `file`.
    """

    directory: Path
    upstream: Flights | None = None

    def path(self, day: date) -> Path:
        return self.directory / f"flights-{day}.csv"

    def land(self, day: date, content: bytes) -> Path:
        path = self.path(day)
        write_whole(path, content)
        return path

    def file(self, day: date) -> Path:
        path = self.path(day)
        if not path.exists() and self.upstream and day in self.upstream.days:
            self.land(day, self.upstream.csv(day))
        if not path.exists():
            raise SourceMissing(f"no source file {path.name} in {self.directory.name}/")
        return path

    def newest(self) -> date | None:
        """The high-water mark of the source: the last day that can be asked for with success."""
        landed = [
            date.fromisoformat(match[1])
            for path in self.directory.glob("flights-*.csv")
            if (match := re.fullmatch(r"flights-(\d{4}-\d{2}-\d{2})", path.stem))
        ]
        delivered = [self.upstream.last_day] if self.upstream else []
        return max(landed + delivered, default=None)


def write_whole(path: Path, content: bytes) -> None:
    """Write under another name, then rename: a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
