"""What a hundred times as many executions cost a single client."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.database import Database
from benchmarks.load import wrk
from benchmarks.machine import Disk
from benchmarks.measure import SYNC, Cell, Load, Rounds, interleaved
from benchmarks.plan import Plan
from benchmarks.servers import PIPELINES, Api, api, migrated

RUNNING = 10_000
"""The newest executions, in a small history as in a large one, are still running: they are what is ended."""

DEEP_PIPELINES = 100
"""The pipelines that have more than 50 executions in either history."""

VERBS = ("start", "end", "last")


def cell_name(verb: str, size: int) -> str:
    return f"{verb}, {size:,} executions"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the histories that are compared."""

    size: int
    database: Database
    api: Api
    disk: Disk

    def run(self, verb: str, seconds: int) -> Load:
        self.database.shrink(self.size, RUNNING)
        sync = self.disk.settled_ms()
        return replace(wrk(self.api.url, verb, 1, seconds, *self._arguments(verb)), observed={SYNC: sync})

    def _arguments(self, verb: str) -> tuple[int, ...]:
        if verb == "end":
            return self.size, 1, self.size - RUNNING + 1
        return (PIPELINES,) if verb == "start" else (DEEP_PIPELINES,)


def growth(admin: Database, disk: Disk, plan: Plan, progress: Callable[[str], None]) -> Rounds:
    """Measures two databases, each under an API of its own, in turn and with one connection."""
    with ExitStack() as stack:
        sides = []
        for size in plan.sizes:
            database = migrated(admin, f"growth_{size}")
            server = stack.enter_context(api(database))
            progress(f"growth: filling {size:,} executions")
            database.grow(size, RUNNING)
            sides.append(Side(size, database, server, disk))
        cells = [
            Cell(cell_name(verb, side.size), partial(side.run, verb, plan.growth_seconds))
            for verb in VERBS
            for side in sides
        ]
        return interleaved(cells, plan.growth_rounds, lambda line: progress(f"growth: {line}"))
