"""The name that a pool gives its connections, by which others can tell on the server whose they are."""

import re
from dataclasses import dataclass
from typing import Self

PREFIX = "watcher"
"""What all names begin with; alone, that of connections that lead through a pooler."""

LONGEST = 63
"""Characters of a name that PostgreSQL keeps."""

LONGEST_PROGRAM = 16
MOST_POOLS = 999_999
"""Of a process, that are told apart."""

FORM = re.compile(
    rf"{PREFIX} (?P<program>[a-z0-9-]{{1,{LONGEST_PROGRAM}}}) (?P<process>[1-9][0-9]{{0,9}})(?:\.(?P<number>[0-9]{{1,6}}))?"
    r"@(?P<host>[A-Za-z0-9._~-]+) of (?P<size>[1-9][0-9]{0,5})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class PoolName:
    """Of which program, process and host it is, which of the process's pools, and how many connections it may have."""

    program: str
    process: int
    number: int
    host: str
    size: int

    @classmethod
    def made(cls, program: str, process: int, number: int, host: str, size: int) -> Self:
        """Of any names: what may not stand in one becomes a `-`, and a host that is too long is shortened."""
        plain = _plain(program.lower(), r"[^a-z0-9-]")[:LONGEST_PROGRAM]
        number = min(number, MOST_POOLS)
        nowhere = cls(plain, process, number, "", size)
        return cls(
            plain,
            process,
            number,
            _shortened(_plain(host, r"[^A-Za-z0-9.-]"), LONGEST - len(nowhere.text)),
            size,
        )

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Of a name on the server; None where no pool gave it."""
        found = FORM.fullmatch(text)
        if found is None or len(text) > LONGEST:
            return None
        process, number, size = (int(found[each] or 1) for each in ("process", "number", "size"))
        name = cls(found["program"], process, number, found["host"], size)
        return name if name.text == text else None

    @property
    def text(self) -> str:
        return f"{PREFIX} {self.owner} of {self.size}"

    @property
    def owner(self) -> str:
        """For people: `api 4711@node-1`, and `api 4711.2@node-1` for a process's second pool."""
        number = f".{self.number}" if self.number > 1 else ""
        return f"{self.program} {self.process}{number}@{self.host}"


def _plain(text: str, strange: str) -> str:
    return re.sub(strange, "-", text) or "-"


def _shortened(host: str, most: int) -> str:
    """Without its domain; then without its middle, for that of a pod begins as its deployment and ends as no other."""
    if len(host) > most:
        host = host.partition(".")[0] or host
    if len(host) > most:
        end = (most - 1) // 2
        host = f"{host[: most - 1 - end]}~{host[len(host) - end :]}"
    return host
