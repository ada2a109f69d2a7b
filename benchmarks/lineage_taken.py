"""What is promised about lineage, and what was measured of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.graphs import Lineage
from benchmarks.lineage_declarations import CONNECTIONS, changed, starting, unchanged
from benchmarks.lineage_queries import NEAR, Answered
from benchmarks.lineage_upkeep import Declared, Maintained, Rebuilt
from benchmarks.measure import Rounds, Spread, p50, rate
from benchmarks.promises import Promise

NEAR_MS = 5.0
WHOLE_MS = 20.0
UPKEEP_MS = 50.0
GROWS_AT_MOST = 1.5


@dataclass(frozen=True, slots=True)
class Kept:
    """A graph, the pairs of its full closure (counted or extrapolated), and what is kept of them."""

    graph: Lineage
    full: int
    exactly: bool
    rebuilt: Rebuilt


@dataclass(frozen=True, slots=True)
class Grown:
    """What one edge costs in a graph of that kind and size."""

    kind: str
    edges: int
    maintained: Maintained


@dataclass(frozen=True, slots=True)
class Taken:
    """All that one run of the program measured; the answers by the name of the graph."""

    kept: Sequence[Kept]
    answers: Mapping[str, Sequence[Answered]]
    declarations: Rounds
    grown: Sequence[Grown]
    worst: Sequence[Maintained]
    large: Sequence[Declared]

    def raw(self) -> dict[str, object]:
        return {
            "kept": [
                {
                    "graph": each.graph.name,
                    "addresses": each.graph.addresses,
                    "edges": len(each.graph.edges),
                    "full_closure": each.full,
                    "exactly": each.exactly,
                    "rebuilt": asdict(each.rebuilt),
                }
                for each in self.kept
            ],
            "answers": {name: [_answer(each) for each in some] for name, some in self.answers.items()},
            "declarations": self.declarations,
            "upkeep": [asdict(each) for each in self.grown],
            "worst": [asdict(each) for each in self.worst],
            "large": [asdict(each) for each in self.large],
        }


def _answer(answered: Answered) -> dict[str, object]:
    asked = answered.asked
    loads = {"walk": answered.walk, "closure": answered.closure, "port": answered.port}
    return {"asked": asked.name, "reach": asked.reach, "win": answered.win and asdict(answered.win), **loads}


def all_of(taken: Taken) -> list[Promise]:
    return [*_of_answers(taken), *_of_declarations(taken.declarations), *_of_upkeep(taken.grown)]


def _of_answers(taken: Taken) -> Iterator[Promise]:
    """In the database, by the way that the product takes; the worst of every graph is what counts."""
    for name, answers in taken.answers.items():
        near = [each.taken for each in answers if each.asked.depth == NEAR]
        whole = [each.taken for each in answers if each.asked.depth != NEAR and each.asked.bounded]
        yield Promise(f"{name}: p99 ms of depth {NEAR}, in the database", _worst(near), NEAR_MS, at_most=True)
        if whole:
            sentence = f"{name}: p99 ms of all, of <= 1,000, in the database"
            yield Promise(sentence, _worst(whole), WHOLE_MS, at_most=True)
        wins = [each.win.median for each in answers if each.win is not None]
        if wins:
            yield Promise(
                f"{name}: walk / closure where that is kept, least",
                Spread(min(wins), min(wins), max(wins)),
                1.0,
            )


def _worst(values: Sequence[float]) -> Spread:
    return Spread(max(values), min(values), max(values))


def _of_declarations(rounds: Rounds) -> Iterator[Promise]:
    for connections in CONNECTIONS:
        start = starting(connections)
        same = rounds.ratio(unchanged(connections), start, rate)
        yield Promise(f"rate of {unchanged(connections)} / start", same, 1.0)
        dearer = rounds.ratio(start, changed(connections), rate)
        yield Promise(f"cost of {changed(connections)} / start", dearer, 4.0, at_most=True)
    dearer = rounds.ratio(changed(1), starting(1), p50)
    yield Promise(f"p50 of {changed(1)} / start", dearer, 4.0, at_most=True)


def _of_upkeep(grown: Sequence[Grown]) -> Iterator[Promise]:
    for each in grown:
        for verb, load in (("adding", each.maintained.added), ("removing", each.maintained.removed)):
            yield Promise(
                f"{each.maintained.name}: p99 ms of {verb} one edge",
                _worst([load.p99]),
                UPKEEP_MS,
                at_most=True,
            )
    for kind in dict.fromkeys(each.kind for each in grown):
        same = sorted((each for each in grown if each.kind == kind), key=lambda each: each.edges)
        small, large = same[0].maintained.added.p50, same[-1].maintained.added.p50
        sentence = f"{kind}: p50 of adding, {same[-1].edges:,} edges / {same[0].edges:,}"
        yield Promise(sentence, _worst([large / small]), GROWS_AT_MOST, at_most=True)
