"""What changes in the table of the closure, in both directions at once."""

from collections.abc import Collection, Container, Mapping, Sequence
from typing import TypeAlias

from watcher.adapters.postgres.database import Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.closure import Difference

SQL = load("closure")
DOWNSTREAM = "downstream"
WAYS = (DOWNSTREAM, "upstream")
PAIRS_AT_ONCE = 50_000

Pair: TypeAlias = tuple[int, int]
"""An ancestor and a descendant."""


class Ledger:
    """What is to be written in both directions; a pair that both keep is written once, as far as it fits in here."""

    def __init__(self, snapshot: Transaction) -> None:
        self._snapshot = snapshot
        self._placed: dict[str, dict[Pair, int]] = {way: {} for way in WAYS}
        self._lost: dict[str, set[Pair]] = {way: set() for way in WAYS}

    async def enter(self, way: str, differences: Mapping[int, Difference]) -> None:
        placed, lost = self._placed[way], self._lost[way]
        for start, difference in differences.items():
            if way == DOWNSTREAM:
                placed.update({(start, each): depth for each, depth in difference.placed.items()})
                lost.update([(start, each) for each in difference.lost])
            else:
                placed.update({(each, start): depth for each, depth in difference.placed.items()})
                lost.update([(each, start) for each in difference.lost])
        if sum(map(len, [*self._placed.values(), *self._lost.values()])) > PAIRS_AT_ONCE:
            await self.write()

    async def write(self) -> None:
        """What is lost first: one direction may lose a pair that the other gains."""
        downstream, upstream = self._lost.values()
        if pairs := downstream | upstream:
            await self._snapshot.rows(SQL["lose"], **_columns(pairs, downstream, upstream))
        depths_downstream, depths_upstream = self._placed.values()
        if depths := depths_downstream | depths_upstream:
            flags = _columns(depths, depths_downstream, depths_upstream)
            await self._snapshot.rows(SQL["place"], **flags, depths=list(depths.values()))
        for way in WAYS:
            self._placed[way].clear()
            self._lost[way].clear()


def _columns(
    pairs: Collection[Pair], downstream: Container[Pair], upstream: Container[Pair]
) -> dict[str, Sequence[object]]:
    ancestors, descendants = zip(*pairs, strict=True)
    return {
        "ancestors": ancestors,
        "descendants": descendants,
        "downstream": [pair in downstream for pair in pairs],
        "upstream": [pair in upstream for pair in pairs],
    }
