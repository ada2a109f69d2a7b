"""How much of lineage is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.graphs import Lineage, chain, clustered, cyclic, hub, layered


@dataclass(frozen=True, slots=True)
class LineagePlan:
    """`graphs` are asked questions, and those in `growing`, by size, show what one edge costs.

    Questions are put to `near` addresses for what is near, to `whole` of each size for all that they reach.
    """

    name: str
    graphs: Sequence[Callable[[], Lineage]]
    growing: Sequence[Sequence[Callable[[], Lineage]]]
    near: int
    whole: int
    repeats: int
    edges: int
    rounds: int
    seconds: int


def plan(name: str, scale: int) -> LineagePlan:
    """Graphs of 100,000 addresses and 300,000 edges, or of a part of that."""
    thousands = [10, 100, 300] if scale == 1 else [3, 30]
    largest = thousands[-1] * 1_000
    return LineagePlan(
        name=name,
        graphs=[
            lambda: layered(largest // 3, largest),
            lambda: clustered(largest // 3, largest),
            lambda: cyclic(largest // 3, largest),
            lambda: chain(5_000 // scale),
            lambda: hub(20_000 // scale),
        ],
        growing=[[_smaller(make, each * 1_000) for each in thousands[:-1]] for make in (layered, clustered)],
        near=500 if scale == 1 else 50,
        whole=40 if scale == 1 else 10,
        repeats=3 if scale == 1 else 1,
        edges=50 if scale == 1 else 10,
        rounds=3 if scale == 1 else 1,
        seconds=4 if scale == 1 else 1,
    )


def _smaller(make: Callable[[int, int], Lineage], edges: int) -> Callable[[], Lineage]:
    return lambda: make(edges // 300 * 100, edges)


FULL = plan("lineage-full", 1)
QUICK = plan("lineage-quick", 10)
