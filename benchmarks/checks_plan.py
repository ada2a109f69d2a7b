"""How much of watching is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChecksPlan:
    """So many pipelines and runs for the checks, passes of each kind, and what changes before each that finds news.

    Histories of such `lengths` are judged, so many runs in batches and so many one at a time. A worker judges the
    last `waiting` runs of each of `watched` pipelines, and does `messages` that ask for nothing.
    """

    name: str
    pipelines: int
    runs: int
    passes: int
    news: int
    lengths: tuple[int, ...]
    batched: int
    alone: int
    watched: int
    waiting: int
    messages: int
    rounds: int
    seconds: int


FULL = ChecksPlan(
    name="checks-full",
    pipelines=100_000,
    runs=1_000_000,
    passes=30,
    news=500,
    lengths=(1_000, 100_000, 1_000_000),
    batched=1_000,
    alone=200,
    watched=200,
    waiting=50,
    messages=1_500,
    rounds=3,
    seconds=3,
)
QUICK = ChecksPlan(
    name="checks-quick",
    pipelines=10_000,
    runs=20_000,
    passes=5,
    news=50,
    lengths=(1_000, 10_000),
    batched=500,
    alone=50,
    watched=50,
    waiting=20,
    messages=500,
    rounds=1,
    seconds=1,
)
