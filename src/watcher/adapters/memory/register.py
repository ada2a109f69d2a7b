"""Rows that have a name: found by id or by name, declared again and again."""

from collections.abc import Callable
from itertools import count
from typing import Generic, Protocol, TypeVar

from watcher.domain.errors import Conflict, NotFound
from watcher.domain.page import Page, Slice
from watcher.domain.text import Reference, name_key


class Named(Protocol):
    """What has an id, and a name with a key."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    def key(self) -> bytes: ...


Row = TypeVar("Row", bound=Named)


class Register(Generic[Row]):
    """Rows by id and by the key of their name; `declarations` has the digest last declared of each."""

    def __init__(
        self, not_found: Callable[[Reference], NotFound], name_taken: Callable[[str], Conflict]
    ) -> None:
        self._not_found, self._name_taken = not_found, name_taken
        self.rows: dict[int, Row] = {}
        self.declarations: dict[int, bytes] = {}
        self._by_key: dict[bytes, int] = {}
        self._ids = count(1)

    def new_id(self) -> int:
        return next(self._ids)

    def found(self, reference: Reference) -> Row | None:
        """The row with that id, or of that name in any spelling."""
        identity = reference if isinstance(reference, int) else self._by_key.get(name_key(reference), 0)
        return self.rows.get(identity)

    def known(self, reference: Reference) -> Row:
        """As `found`; raises the `NotFound` of these rows."""
        row = self.found(reference)
        if row is None:
            raise self._not_found(reference)
        return row

    def check_name(self, row: Row) -> None:
        """Raises the `Conflict` of these rows when another has the name of this one."""
        if self._by_key.get(row.key(), row.id) != row.id:
            raise self._name_taken(row.name)

    def put(self, row: Row) -> None:
        """Keeps the row, in the place of the one with its id where there is one."""
        held = self.rows.get(row.id)
        if held is not None:
            del self._by_key[held.key()]
        self._by_key[row.key()] = row.id
        self.rows[row.id] = row

    def page(self, page: Page, admits: Callable[[Row], bool] = lambda _: True) -> Slice[Row]:
        """Of the rows that are admitted, by ascending id, those of the page."""
        after = page.after or 0
        rows = [row for identity, row in sorted(self.rows.items()) if identity > after and admits(row)]
        return Slice.cut(rows, page.limit)
