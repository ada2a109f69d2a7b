"""Measures how good the anomaly verdicts are: `python -m benchmarks.anomaly_quality [--quick]`.

Histories are invented and spoiled from seeds; each run is judged with only what was known when it ended, flags
and all. The seeds below were not looked at while the method was made: that was done on others, below 1,000.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from rich.console import Console
from rich.table import Table

from benchmarks.anomaly_faults import spoil
from benchmarks.anomaly_histories import History, a_history
from benchmarks.anomaly_rivals import Method, log_z, mean_band, plain_z, rolling_z, same_hour
from benchmarks.anomaly_scores import Score
from benchmarks.report import console
from watcher.domain.anomaly import AnomalyRule, MetricField, Observation, Standing
from watcher.domain.anomaly_judge import judge
from watcher.domain.anomaly_sample import sampled

FRESH_SEEDS = tuple(range(2001, 2006))
PIPELINES = 32
Z_SCORES = ("z-score", "rolling z-score", "original (same hour)")


def watcher(history: History) -> list[bool | None]:
    """Watcher's judge with the rule's defaults; what it flagged stays flagged."""
    rule = AnomalyRule(pipeline_id=1, metric_field=MetricField(history.metric))
    seen: list[Observation] = []
    verdicts: list[bool | None] = []
    for run in history.runs:
        verdict = judge(rule, run.start, run.value, sampled(seen, run.start, rule))
        verdicts.append(None if verdict.standing is Standing.LEARNING else verdict.anomalous)
        seen.append(Observation(run.start, run.value, verdict.anomalous))
    return verdicts


METHODS: dict[str, Method] = {
    "watcher": watcher,
    "z-score": plain_z,
    "rolling z-score": rolling_z,
    "original (same hour)": same_hour,
    "z-score of logarithms": log_z,
    "14-day mean band": mean_band,
}


@dataclass(slots=True)
class Taken:
    """What all methods scored, and Watcher by kind of history."""

    methods: dict[str, Score] = field(default_factory=dict)
    seeds: dict[int, Score] = field(default_factory=dict)
    cadences: dict[str, Score] = field(default_factory=dict)
    shapes: dict[str, Score] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, seed: int, history: History) -> None:
        for name, method in METHODS.items():
            began = time.process_time()
            verdicts = method(history)
            self.methods.setdefault(name, Score()).add(history, verdicts)
            if name == "watcher":
                self.seconds += time.process_time() - began
                self.seeds.setdefault(seed, Score()).add(history, verdicts)
                self.cadences.setdefault(history.cadence.name, Score()).add(history, verdicts)
                self.shapes.setdefault(history.shape, Score()).add(history, verdicts)


def fleet(seed: int, pipelines: int) -> Iterator[History]:
    """The same histories for the same seed, with their faults."""
    random = Random(seed)
    for number in range(pipelines):
        history = a_history(random, f"{seed}/{number}")
        spoil(random, history)
        yield history


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomaly_quality", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, a few pipelines: not a measurement")
    parser.add_argument("--seeds", type=int, nargs="+", default=FRESH_SEEDS)
    parser.add_argument("--pipelines", type=int, default=PIPELINES, help="histories of each seed")
    asked = parser.parse_args()
    seeds, pipelines = (asked.seeds[:1], 8) if asked.quick else (asked.seeds, asked.pipelines)
    taken, screen = Taken(), console()
    for seed in seeds:
        for history in fleet(seed, pipelines):
            taken.add(seed, history)
        screen.print(f"[dim]seed {seed}: {_line(taken.seeds[seed])}[/]")
    show(screen, taken, len(seeds) * pipelines)
    return 0


def show(screen: Console, taken: Taken, pipelines: int) -> None:
    own = taken.methods["watcher"]
    _table(screen, f"{pipelines} pipelines, {own.runs:,} runs, {own.events.total():,} faults", taken.methods)
    kinds = Table(title="\nRecall by kind of fault (number)", title_justify="left")
    kinds.add_column("")
    for name in METHODS:
        kinds.add_column(name, justify="right")
    for kind, number in sorted(own.events.items()):
        kinds.add_row(
            f"{kind} ({number})", *[f"{taken.methods[name].recall_of(kind):.2f}" for name in METHODS]
        )
    screen.print(kinds)
    _table(screen, "Watcher by cadence", taken.cadences)
    _table(screen, "Watcher by shape", taken.shapes)
    screen.print(f"CPU per run, with taking the sample: {1e6 * taken.seconds / own.runs:,.0f} us")
    best = max(taken.methods[name].f1 for name in Z_SCORES)
    targets: Sequence[tuple[str, float, float, bool]] = (
        ("F1", own.f1, 0.60, own.f1 >= 0.60),
        ("false messages per 1,000 healthy runs", own.false_per_thousand, 6, own.false_per_thousand <= 6),
        ("F1 / that of the best z-score", own.f1 / (best or 1.0), 2, own.f1 >= 2 * best),
        ("share of empty loads found", own.recall_of("empty"), 0.95, own.recall_of("empty") >= 0.95),
        ("share of runs with enough history judged", own.coverage, 1, own.coverage == 1),
    )
    for sentence, measured, bound, kept in targets:
        screen.print(f"{'ok   ' if kept else 'SHORT'} {sentence}: {measured:.3f} (target {bound:g})")


def _table(screen: Console, title: str, scores: dict[str, Score]) -> None:
    table = Table(title=f"\n{title}", title_justify="left")
    table.add_column("")
    for heading in (
        "F1",
        "recall",
        "precision",
        "false / 1,000",
        "flagged / 1,000",
        "judged",
        "delay",
        "faults",
    ):
        table.add_column(heading, justify="right")
    for name, score in scores.items():
        table.add_row(
            name,
            f"{score.f1:.3f}",
            f"{score.recall:.3f}",
            f"{score.precision:.3f}",
            f"{score.false_per_thousand:.2f}",
            f"{1000 * score.healthy_flagged / max(1, score.healthy):.2f}",
            f"{score.coverage:.3f}",
            f"{score.delay():.2f}",
            f"{score.events.total()}",
        )
    screen.print(table)


def _line(score: Score) -> str:
    return f"F1 {score.f1:.3f}, {score.false_per_thousand:.2f} false per 1,000, {score.runs:,} runs"


if __name__ == "__main__":
    raise SystemExit(main())
