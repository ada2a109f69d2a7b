"""What is promised, and what was measured of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks import bulk, growth
from benchmarks.measure import Load, Rounds, Spread, p50, rate
from benchmarks.plan import Plan
from benchmarks.throughput import Throughput, declaring, hot, http, yardstick

STRAY_WAL = 8_192.0
"""The server writes a line about running transactions every 15 seconds by itself."""


@dataclass(frozen=True, slots=True)
class Taken:
    """All that one run of the program measured."""

    start: Throughput
    end: Throughput
    grown: Rounds
    bulk: Rounds
    memory: Mapping[str, Mapping[str, float]]

    def raw(self) -> dict[str, object]:
        return {
            "start": {"pgbench_probes": self.start.probes, "rounds": self.start.rounds},
            "end": {"pgbench_probes": self.end.probes, "rounds": self.end.rounds},
            "growth": self.grown,
            "bulk": self.bulk,
            "memory": self.memory,
        }


@dataclass(frozen=True, slots=True)
class Promise:
    """A measured value and its bound."""

    sentence: str
    measured: Spread
    bound: float
    at_most: bool = False

    @property
    def kept(self) -> bool:
        value = self.measured.median
        return value <= self.bound if self.at_most else value >= self.bound


def of_throughput(result: Throughput) -> Iterator[Promise]:
    rounds, best, verb = result.rounds, yardstick(result.best), result.verb
    for connections, bound in ((64, 0.9), (256, 1.3)):
        measured = rounds.ratio(http(connections), best, rate)
        yield Promise(f"{verb}: rate at c={connections} / pgbench's best", measured, bound)
    lone = rounds.ratio(http(1), yardstick(1), p50)
    yield Promise(f"{verb}: p50 at c=1 / pgbench's p50 at c=1", lone, 2.5, at_most=True)
    if verb == "end":
        measured = rounds.ratio(hot(64), http(64), rate)
        yield Promise("end: rate on one pipeline / on 1,000, at c=64", measured, 0.85)


def of_round_trips(name: str, rounds: Rounds, cell: Callable[[int], str]) -> Iterator[Promise]:
    for connections, bound in ((1, 1.02), (64, 0.5)):
        measured = rounds.spread(cell(connections), _statements)
        yield Promise(f"{name}: statements per request at c={connections}", measured, bound, at_most=True)


def of_declarations(rounds: Rounds) -> Iterator[Promise]:
    for connections in (1, 64):
        measured = rounds.ratio(declaring(connections), http(connections), rate)
        yield Promise(f"unchanged POST /pipeline: rate at c={connections} / start", measured, 1.0)
    loads = [load for connections in (1, 64) for load in rounds.loads(declaring(connections))]
    for name, sentence, bound in (
        ("tuples", "rows written", 0.0),
        ("statement_wal", "WAL bytes of its statements", 0.0),
        ("wal", "WAL bytes of the server", STRAY_WAL),
    ):
        written = Spread.of([load.observed[name] for load in loads])
        yield Promise(f"unchanged POST /pipeline: {sentence}", written, bound, at_most=True)


def of_growth(rounds: Rounds, plan: Plan) -> Iterator[Promise]:
    small, large = plan.sizes
    for verb in growth.VERBS:
        measured = rounds.ratio(growth.cell_name(verb, large), growth.cell_name(verb, small), p50)
        what = "last 50 of a pipeline" if verb == "last" else verb
        yield Promise(f"growth: p50 of {what}, {large:,} / {small:,}", measured, 1.3, at_most=True)


def of_bulk(rounds: Rounds) -> Promise:
    measured = rounds.spread(bulk.cell_name(1_000), rate)
    return Promise(f"bulk: records/s, 1,000 a request, c={bulk.CLIENTS}", measured, 20_000)


def of_memory(memory: Mapping[str, Mapping[str, float]]) -> Iterator[Promise]:
    for load, found in memory.items():
        sentence = f"API memory, 2 workers, after {load}: RSS, MB"
        yield Promise(sentence, Spread.of([found["rss_mb"]]), 220, at_most=True)


def all_of(taken: Taken, plan: Plan) -> list[Promise]:
    start, end = taken.start, taken.end
    return [
        *of_throughput(start),
        *of_throughput(end),
        *of_round_trips("start", start.rounds, http),
        *of_round_trips("end", end.rounds, http),
        *of_round_trips("unchanged POST /pipeline", start.rounds, declaring),
        *of_declarations(start.rounds),
        *of_memory(taken.memory),
        *of_growth(taken.grown, plan),
        of_bulk(taken.bulk),
    ]


def _statements(load: Load) -> float:
    return load.per_request("statements")
