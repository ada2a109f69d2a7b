"""The tables on the screen, and the raw results in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Load, Rounds, Spread, rate
from benchmarks.promises import Promise

RESULTS = Path(__file__).parent / "results"
WIDTH = 110
LARGE = 100


def console() -> Console:
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=WIDTH)


def show_facts(screen: Console, facts: Mapping[str, str]) -> None:
    table = Table(title="The machine", title_justify="left", show_header=False, box=None)
    for name, value in facts.items():
        table.add_row(name, value)
    screen.print(table)


def show_rounds(screen: Console, title: str, rounds: Rounds, unit: str, against: str | None = None) -> None:
    """The medians of the rounds; `against` names the cell that the rates are compared with."""
    table = Table(title=f"\n{title}", title_justify="left")
    table.add_column("")
    for heading in (
        f"{unit}/s",
        "lowest - highest",
        "p50 ms",
        "p99 ms",
        *(["/ pgbench's best"] if against else []),
    ):
        table.add_column(heading, justify="right")
    for name in rounds.names():
        speed = rounds.spread(name, rate)
        cells = [f"{speed.median:,.0f}", _range(speed), *_latencies(rounds, name)]
        if against:
            ratio = rounds.ratio(name, against, rate)
            cells.append(f"{ratio.median:.2f} ({_range(ratio)})")
        table.add_row(name, *cells)
    screen.print(table)


def show_memory(screen: Console, memory: Mapping[str, Mapping[str, float]]) -> None:
    screen.print("\nMemory of the API")
    for load, found in memory.items():
        named = ", ".join(f"{name} {value:,.0f}" for name, value in found.items())
        screen.print(f"  after {load}: {named}")


def show_disk(screen: Console, parts: Sequence[Rounds]) -> None:
    """What a run on a machine that others use has to be judged by."""
    syncs = [rounds.syncs() for rounds in parts]
    low, high = min(spread.low for spread in syncs), max(spread.high for spread in syncs)
    screen.print(f"fdatasync before the runs: {low:.2f} - {high:.2f} ms; apart by much, the disk was shared.")


def show_promises(screen: Console, promises: Sequence[Promise]) -> None:
    table = Table(title="\nThe promises (median of the rounds, lowest - highest)", title_justify="left")
    for heading in ("", "measured", "lowest - highest", "target", ""):
        table.add_column(heading, justify="left" if not heading else "right")
    for promise in promises:
        measured = promise.measured
        bound = f"{'<=' if promise.at_most else '>='} {_number(promise.bound)}"
        mark = "[green]ok[/]" if promise.kept else "[red]short[/]"
        table.add_row(promise.sentence, _number(measured.median), _range(measured), bound, mark)
    screen.print(table)


def save(name: str, facts: Mapping[str, str], raw: Mapping[str, object], promises: Sequence[Promise]) -> Path:
    """Writes all that was measured, and gives the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}.json"
    kept = [{**asdict(promise), "kept": promise.kept} for promise in promises]
    document = {"machine": facts, "promises": kept, "raw": raw}
    path.write_text(json.dumps(document, indent=1, default=_plain) + "\n")
    return path


def _plain(value: object) -> object:
    if isinstance(value, Load):
        return {**asdict(value), "rate": value.rate}
    if isinstance(value, Rounds):
        return value.rounds
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _latencies(rounds: Rounds, name: str) -> list[str]:
    loads = rounds.loads(name)
    p50s = [load.p50_ms for load in loads if load.p50_ms is not None]
    p99s = [load.p99_ms for load in loads if load.p99_ms is not None]
    return [f"{Spread.of(values).median:.2f}" if values else "" for values in (p50s, p99s)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= LARGE or not value else f"{value:.2f}"


def _range(spread: Spread) -> str:
    return f"{_number(spread.low)} - {_number(spread.high)}"
