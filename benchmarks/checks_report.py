"""The tables about watching."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.checks_judging import Judged
from benchmarks.checks_passes import Passes, Read
from benchmarks.checks_taken import Taken
from benchmarks.checks_worker import WorkerTaken
from benchmarks.report import show_rounds


def show(screen: Console, taken: Taken) -> None:
    show_passes(screen, "Freshness: a pass over all pipelines", taken.checked.freshness)
    show_passes(screen, "Timeliness: a pass over all runs", taken.checked.timeliness)
    show_read(screen, taken.checked.read)
    show_judged(screen, taken.judged)
    show_worker(screen, taken.worker)
    show_rounds(screen, "Ends, c=64, announced to a broker", taken.ends.announced, "req")
    show_rounds(screen, "Ends, c=64, judged by the API itself meanwhile", taken.ends.in_process, "req")


def show_passes(screen: Console, title: str, passes: Sequence[Passes]) -> None:
    table = _table(title, "passes", "found", "ended", "p50 ms", "p99 ms", "statements")
    for each in passes:
        load = each.load
        counts = (load.requests, each.found, each.ended)
        table.add_row(
            each.name,
            *(f"{count:,}" for count in counts),
            f"{load.p50:.1f}",
            f"{load.p99:.1f}",
            f"{each.statements}",
        )
    screen.print(table)


def show_read(screen: Console, read: Read) -> None:
    screen.print(
        f"A pass of timeliness read {read.rows:,} rows of executions, where {read.possible:,} can be late, and "
        f"{read.pages:,} pages in all."
    )


def show_judged(screen: Console, judged: Sequence[Judged]) -> None:
    table = _table(
        "Judging a run of one pipeline (ms)",
        *("of many: own CPU", "database", "together", "a second", "alone: own CPU", "p50", "p99"),
    )
    for each in judged:
        alone = each.alone
        figures = (each.own_ms, each.together_ms - each.own_ms, each.together_ms)
        table.add_row(
            each.name,
            *(f"{figure:.2f}" for figure in figures),
            f"{1_000 / each.together_ms:,.0f}",
            f"{1_000 * alone.per_request('cpu'):.2f}",
            f"{alone.p50:.2f}",
            f"{alone.p99:.2f}",
        )
    screen.print(table)


def show_worker(screen: Console, worker: WorkerTaken) -> None:
    table = _table("A worker of two processes", "count", "seconds", "a second")
    for name, done in (
        ("messages of a job that does nothing", worker.idle),
        ("messages of judging, nothing to judge", worker.nothing_to_judge),
        ("runs judged by one rule", worker.judged),
        ("runs judged by six rules", worker.judged_by_all),
    ):
        table.add_row(name, f"{done.count:,}", f"{done.seconds:.1f}", f"{done.rate:,.0f}")
    screen.print(table)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left")
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
