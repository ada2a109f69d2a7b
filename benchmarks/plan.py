"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds of how long runs, at which numbers of connections, on how many executions.

    Executions to end are made in advance: `headroom` times as many as the API, when it was warmed up, answered
    in the time of a run.
    """

    name: str
    rounds: int
    seconds: int
    spread: tuple[int, ...]
    hot: tuple[int, ...]
    probes: tuple[int, ...]
    probe_seconds: int
    growth_rounds: int
    growth_seconds: int
    sizes: tuple[int, int]
    bulk_rounds: int
    bulk_seconds: int
    headroom: float = 4.0


FULL = Plan(
    name="full",
    rounds=3,
    seconds=3,
    spread=(1, 16, 64, 256),
    hot=(1, 16, 64, 256),
    probes=(4, 8, 16, 32, 64),
    probe_seconds=2,
    growth_rounds=5,
    growth_seconds=2,
    sizes=(10_000, 1_000_000),
    bulk_rounds=3,
    bulk_seconds=5,
)
QUICK = Plan(
    name="quick",
    rounds=1,
    seconds=1,
    spread=(1, 64, 256),
    hot=(64,),
    probes=(8, 16),
    probe_seconds=1,
    growth_rounds=1,
    growth_seconds=1,
    sizes=(10_000, 100_000),
    bulk_rounds=1,
    bulk_seconds=1,
)
