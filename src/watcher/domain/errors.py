"""What can be wrong, in six kinds. A leaf is named by the sentence that is true and carries the facts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field


class WatcherError(Exception):
    """Something the caller can be told. `str(error)` is a sentence for people."""

    @classmethod
    def slug(cls) -> str:
        """The stable name of this error in kebab case, e.g. `execution-already-ended`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """The stable name of this error as words, e.g. `Execution already ended`."""
        return cls.slug().replace("-", " ").capitalize()


class NotFound(WatcherError):
    """What was asked for is not there."""


class Conflict(WatcherError):
    """What was asked for contradicts what is already recorded."""


class Invalid(WatcherError):
    """What was asked for cannot be true of anything."""


class Unavailable(WatcherError):
    """Watcher cannot answer now; nothing is known to be wrong with the request."""


class Unauthenticated(WatcherError):
    """Who asks is not known."""


class Forbidden(WatcherError):
    """Who asks is known, and may not do this."""


@dataclass(unsafe_hash=True)
class InvalidValue(Invalid):
    """A field whose value breaks a rule of its own."""

    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.field} {self.rule}."


@dataclass(unsafe_hash=True)
class StoreRefused(Invalid):
    """The store cannot hold this, by a rule that is only its own."""

    reason: str

    def __str__(self) -> str:
        return f"The database refuses this: {self.reason}."


@dataclass(unsafe_hash=True)
class StoreBusy(Unavailable):
    """The store is there, but others hold what this request needs."""

    reason: str

    def __str__(self) -> str:
        return f"The database is busy: {self.reason}."


@dataclass(unsafe_hash=True)
class StoreUnavailable(Unavailable):
    """The store of record did not answer in time, or is not there.

    `advice` is what whoever runs Watcher can do about it; clients are not told.
    """

    reason: str
    advice: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"The database is not available: {self.reason}."


@dataclass(unsafe_hash=True)
class RightsMissing(Unavailable):
    """The role that Watcher has in the store lacks rights.

    What is there belongs to `owner`, where that is another; else `statements` give the rights.
    """

    reason: str
    owner: str | None
    statements: Sequence[str]

    def __str__(self) -> str:
        return f"The database role lacks a right: {self.reason}."

    @property
    def advice(self) -> str:
        """For whoever runs Watcher."""
        if self.owner is not None:
            return f"Migrate as the role {self.owner}, to which the tables belong."
        if not self.statements:
            return "Migrate as the role that owns the database."
        return f"Have an administrator run in this database, and migrate again: {'; '.join(self.statements)}"
