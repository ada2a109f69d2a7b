"""Long lists are read in pages, by keyset: a page begins after the last row of the one before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from watcher.domain.errors import Invalid

DEFAULT_LIMIT = 1_000
MAXIMUM_LIMIT = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most `limit` rows, those after the row with the id `after`."""

    limit: int = DEFAULT_LIMIT
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of a list. `more` says whether rows follow it."""

    items: Sequence[T]
    more: bool

    @classmethod
    def cut(cls, rows: Sequence[T], limit: int) -> "Slice[T]":
        """The page within `rows`, which were read one beyond the limit to see whether more follow."""
        return cls(rows[:limit], len(rows) > limit)

    def last(self, identity: Callable[[T], int]) -> int:
        """The cursor of the page that follows."""
        return identity(self.items[-1])


@dataclass(unsafe_hash=True)
class CursorUnknown(Invalid):
    """The row that a page should begin after does not exist."""

    after: int

    def __str__(self) -> str:
        return f"There is no row with the id {self.after} to continue after."
