"""Starts, ends and unchanged declarations by HTTP, side by side with pgbench's best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.measure import Cell, Load, Rounds, interleaved
from benchmarks.plan import Plan
from benchmarks.workload import Workload

Progress = Callable[[str], None]
COMPARED = (64, 256)
"""The numbers of connections whose rate is promised as a ratio: they run next to the yardstick."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What is measured, by HTTP (over so many connections, on so many pipelines) and by pgbench."""

    name: str
    by_http: Callable[..., Load]
    by_pgbench: Callable[[Workload, int], Load]
    beside: list[Cell]


@dataclass(frozen=True, slots=True)
class Throughput:
    """One verb: which concurrency suits pgbench best, and the rounds."""

    verb: str
    probes: dict[int, Load]
    best: int
    rounds: Rounds


def http(connections: int) -> str:
    return f"HTTP, c={connections}"


def hot(connections: int) -> str:
    return f"HTTP, one pipeline, c={connections}"


def declaring(connections: int) -> str:
    return f"HTTP, unchanged POST /pipeline, c={connections}"


def yardstick(clients: int) -> str:
    return f"pgbench, c={clients}"


def starts(workload: Workload, plan: Plan, progress: Progress) -> Throughput:
    """Unchanged declarations run in the same rounds, to be compared with the starts."""
    declared = [Cell(declaring(c), partial(workload.http_declare, c)) for c in (1, 64)]
    return _measured(
        Verb("start", Workload.http_start, Workload.pgbench_start, declared), workload, plan, progress
    )


def ends(workload: Workload, plan: Plan, progress: Progress) -> Throughput:
    return _measured(Verb("end", Workload.http_end, Workload.pgbench_end, []), workload, plan, progress)


def _measured(verb: Verb, workload: Workload, plan: Plan, progress: Progress) -> Throughput:
    short = replace(workload, seconds=plan.probe_seconds)
    probes = {}
    for clients in plan.probes:
        probes[clients] = verb.by_pgbench(short, clients)
        progress(f"{verb.name}: probing pgbench, c={clients}  {probes[clients].rate:,.0f}/s")
    best = max(probes, key=lambda clients: probes[clients].rate)
    order = _order(verb, workload, plan, best)
    rounds = interleaved(order, plan.rounds, lambda line: progress(f"{verb.name}: {line}"))
    return Throughput(verb.name, probes, best, rounds)


def _order(verb: Verb, workload: Workload, plan: Plan, best: int) -> list[Cell]:
    ruler, lone = (Cell(yardstick(c), partial(verb.by_pgbench, workload, c)) for c in (best, 1))
    spread = {c: Cell(http(c), partial(verb.by_http, workload, c)) for c in plan.spread}
    hots = [Cell(hot(c), partial(verb.by_http, workload, c, 1)) for c in plan.hot]
    compared = [cell for c in COMPARED for cell in (ruler, spread[c])]
    rest = [spread[c] for c in plan.spread if c not in (1, *COMPARED)]
    return [*rest, *compared, *hots, lone, spread[1], *verb.beside]
