"""The edges of lineage and what the closure does not know of them yet, in lists and dictionaries."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from watcher.domain.lineage import HistoryPruned
from watcher.domain.lineage_graph import Direction


@dataclass(slots=True)
class OwnedEdge:
    """An edge by the word of one pipeline, for as long as that stood."""

    pipeline_id: int
    source: int
    target: int
    valid_from: datetime
    valid_to: datetime | None = None

    def stood(self, as_of: datetime | None) -> bool:
        if as_of is None:
            return self.valid_to is None
        return self.valid_from <= as_of and (self.valid_to is None or as_of < self.valid_to)


@dataclass(frozen=True, slots=True)
class Pending:
    """An address whose next step in a direction changed; `spreads` when others may reach differently by it."""

    address_id: int
    direction: Direction
    spreads: bool = True


class MemoryEdges:
    """What the adapters of lineage in memory share."""

    def __init__(self) -> None:
        self.owned: list[OwnedEdge] = []
        self.pending: list[Pending] = []
        self.kept_since: datetime | None = None

    def check_kept(self, as_of: datetime | None) -> None:
        """Raises `HistoryPruned`."""
        if as_of is not None and self.kept_since is not None and as_of < self.kept_since:
            raise HistoryPruned(as_of, self.kept_since)

    def standing(self, as_of: datetime | None = None) -> Iterator[OwnedEdge]:
        return (edge for edge in self.owned if edge.stood(as_of))

    def neighbours(self, direction: Direction, as_of: datetime | None = None) -> dict[int, set[int]]:
        """One step in a direction, from every address."""
        steps: defaultdict[int, set[int]] = defaultdict(set)
        for edge in self.standing(as_of):
            here, there = edge.source, edge.target
            if direction is Direction.UPSTREAM:
                here, there = there, here
            steps[here].add(there)
            steps.setdefault(there, set())
        return steps

    def replace(
        self, pipeline_id: int, wanted: set[tuple[int, int]], now: datetime
    ) -> tuple[list[OwnedEdge], list[OwnedEdge]]:
        """The edges that began and those that ended, so that the pipeline owns the wanted ones."""
        standing = {
            (edge.source, edge.target): edge for edge in self.standing() if edge.pipeline_id == pipeline_id
        }
        ended = [edge for pair, edge in standing.items() if pair not in wanted]
        for edge in ended:
            edge.valid_to = max(now, edge.valid_from)
        begun = [OwnedEdge(pipeline_id, *pair, now) for pair in sorted(wanted - standing.keys())]
        owned = {(edge.source, edge.target) for edge in self.standing()}
        self.note([*ended, *(edge for edge in begun if (edge.source, edge.target) not in owned)])
        self.owned += begun
        return begun, ended

    def note(self, changed: Iterable[OwnedEdge]) -> None:
        changed = list(changed)
        sources, targets = {edge.source for edge in changed}, {edge.target for edge in changed}
        self.pending += [Pending(each, Direction.DOWNSTREAM) for each in sorted(sources)]
        self.pending += [Pending(each, Direction.UPSTREAM) for each in sorted(targets)]
