"""The tables about lineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.lineage_declarations import BACKLOG
from benchmarks.lineage_queries import Answered
from benchmarks.lineage_taken import Grown, Kept, Taken
from benchmarks.lineage_upkeep import Declared, Maintained
from benchmarks.machine import MEGABYTE
from benchmarks.measure import Load, Rounds, Spread
from benchmarks.report import show_rounds

THOUSAND = 1_000


def show(screen: Console, taken: Taken) -> None:
    show_sizes(screen, taken.kept)
    for name, answers in taken.answers.items():
        show_answers(screen, name, answers)
    show_rounds(screen, "Declarations and neighbourhoods by HTTP", taken.declarations, "req")
    show_backlog(screen, taken.declarations)
    show_growth(screen, taken.grown)
    show_maintained(screen, "One edge more and one less: the worst", taken.worst)
    show_declared(screen, taken.large)


def show_sizes(screen: Console, kept: Sequence[Kept]) -> None:
    table = _table(
        "What is kept (pairs in thousands, sizes with indexes in MB)",
        *(
            "addresses",
            "edges",
            "pairs",
            "of all",
            "edges",
            "closure",
            "reach",
            "B/address",
            "rebuilt s",
            "RSS",
        ),
    )
    for each in kept:
        sizes, graph = each.rebuilt.sizes, each.graph
        whole = sizes.closure_bytes + sizes.reach_bytes
        table.add_row(
            graph.name,
            f"{graph.addresses:,}",
            f"{len(graph.edges):,}",
            f"{sizes.pairs / THOUSAND:,.0f}",
            f"{'' if each.exactly else '~'}{each.full / THOUSAND:,.0f}",
            *(
                f"{size / MEGABYTE:,.1f}"
                for size in (sizes.edges_bytes, sizes.closure_bytes, sizes.reach_bytes)
            ),
            f"{whole / graph.addresses:,.0f}",
            f"{each.rebuilt.seconds:,.1f}",
            f"{each.rebuilt.rss_mb:,.0f}",
        )
    screen.print(table)


def show_answers(screen: Console, name: str, answers: Sequence[Answered]) -> None:
    table = _table(
        f"Around an address of {name} (ms, p50 / p99)",
        *("reach", "asked", "closure", "walk", "walk / closure", "whole answer"),
    )
    for each in answers:
        win = each.win
        table.add_row(
            each.asked.name,
            each.asked.reach,
            f"{each.port.requests:,}",
            _latency(each.closure),
            _latency(each.walk),
            "" if win is None else f"{win.median:.2f}",
            _latency(each.port),
        )
    screen.print(table)


def show_growth(screen: Console, grown: Sequence[Grown]) -> None:
    show_maintained(
        screen, "One edge more and one less: by the size of the graph", [each.maintained for each in grown]
    )


def show_maintained(screen: Console, title: str, taken: Iterable[Maintained]) -> None:
    table = _table(
        f"{title} (ms)", *("added p50", "p99", "pairs", "most", "removed p50", "p99", "pairs", "most")
    )
    for each in taken:
        table.add_row(each.name, *_upkeep(each.added), *_upkeep(each.removed))
    screen.print(table)


def _upkeep(load: Load) -> Sequence[str]:
    pairs, most = load.per_request("pairs"), load.observed["most_pairs"]
    return f"{load.p50:,.1f}", f"{load.p99:,.1f}", f"{pairs:,.0f}", f"{most:,.0f}"


def show_declared(screen: Console, declared: Sequence[Declared]) -> None:
    table = _table("One declaration, in this process", "ms", "statements", "upkeep ms")
    for each in declared:
        table.add_row(each.name, f"{each.milliseconds:,.0f}", f"{each.statements}", f"{each.upkeep_ms:,.0f}")
    screen.print(table)


def show_backlog(screen: Console, rounds: Rounds) -> None:
    for name in rounds.names():
        seconds = [load.observed[BACKLOG] for load in rounds.loads(name) if BACKLOG in load.observed]
        if seconds:
            spread = Spread.of(seconds)
            screen.print(
                f"After {name} the closure knew everything within {spread.median:.1f} s "
                f"({spread.low:.1f} - {spread.high:.1f})."
            )


def _table(title: str, *headings: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left")
    table.add_column("")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _latency(load: Load | None) -> str:
    return "" if load is None else f"{load.p50:.2f} / {load.p99:.2f}"
