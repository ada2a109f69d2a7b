"""Executions that are over, taken many in a request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.measure import Cell, Rounds, interleaved
from benchmarks.plan import Plan
from benchmarks.workload import Workload

CLIENTS = 4
SHAPES = ((1_000, False), (5_000, False), (1_000, True))


def cell_name(size: int, *, external_ids: bool = False) -> str:
    return f"{size:,} a request{', with external ids' if external_ids else ''}"


def bulk(workload: Workload, plan: Plan, progress: Callable[[str], None]) -> Rounds:
    cells = [
        Cell(
            cell_name(size, external_ids=named),
            partial(workload.bulk, CLIENTS, size, external_ids=named),
        )
        for size, named in SHAPES
    ]
    return interleaved(cells, plan.bulk_rounds, lambda line: progress(f"bulk: {line} (records)"))
