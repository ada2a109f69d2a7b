"""Measures what Watcher promises about lineage: `python -m benchmarks.lineage [--quick]`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console

from benchmarks import lineage_report, lineage_taken, machine, report
from benchmarks.database import Counters, Database
from benchmarks.graphs import CLUSTER, Edge, Lineage
from benchmarks.lineage_declarations import declaring, side_by_side
from benchmarks.lineage_plan import FULL, QUICK, LineagePlan
from benchmarks.lineage_queries import Answered, answered, questions
from benchmarks.lineage_store import fill
from benchmarks.lineage_taken import Grown, Kept, Taken
from benchmarks.lineage_upkeep import Maintained, large, maintained, rebuilt, verify
from benchmarks.load import require_wrk
from benchmarks.measure import RunVoid
from benchmarks.servers import migrated, postgres
from watcher.adapters.embedded import EmbeddedPostgresError

Progress = Callable[[str], None]
WORST_REPEATS = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lineage", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run on small graphs, not a measurement")
    plan = QUICK if parser.parse_args().quick else FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Told to stop."))
    screen = report.console()
    try:
        require_wrk()
        with postgres() as admin:
            facts = machine.facts(admin)
            report.show_facts(screen, facts)
            taken = measure(admin, plan, screen)
    except (RunVoid, EmbeddedPostgresError) as reason:
        screen.print(f"[bold red]This run is void:[/] {reason}", soft_wrap=True)
        return 1
    lineage_report.show(screen, taken)
    found = lineage_taken.all_of(taken)
    report.show_promises(screen, found)
    path = report.save(plan.name, facts, taken.raw(), found)
    screen.print(f"The raw results are in {path.relative_to(path.parents[2])}.")
    return 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A graph in a database of its own, and a pipeline there that owns nothing."""

    graph: Lineage
    database: Database
    unused: int
    kept: Kept

    @property
    def kind(self) -> str:
        return self.graph.name.split()[0]

    def maintained(self, name: str, edges: list[Edge]) -> Maintained:
        return maintained(self.database, name, self.unused, edges)

    def grown(self, edges: int) -> Grown:
        taken = self.maintained(self.graph.name, list(self.graph.spare[:edges]))
        return Grown(self.kind, len(self.graph.edges), taken)


def measure(admin: Database, plan: LineagePlan, screen: Console) -> Taken:
    began = time.monotonic()

    def progress(line: str) -> None:
        screen.print(f"[dim]{time.monotonic() - began:5.0f} s  {line}[/]")

    counters = Counters(admin, admin)
    counters.install()
    stored = [_stored(admin, make(), progress) for make in plan.graphs]
    layered, clustered, _, chain, hub = stored
    answers = {each.graph.name: _answers(each, plan, progress) for each in stored}
    grown = [each.grown(plan.edges) for each in _growing(admin, plan, progress)]
    grown += [each.grown(plan.edges) for each in (layered, clustered)]
    worst = [_worst(*each, progress) for each in _worst_edges(chain, hub, clustered)]
    progress("declarations of 400 x 100")
    counters = Counters(clustered.database, admin)
    declared = large(clustered.database, counters, clustered.unused, clustered.graph.addresses)
    with declaring(clustered.database, admin, clustered.graph, plan.seconds) as here:
        declarations = side_by_side(here, plan.rounds, progress)
        here.idle_seconds()
    for each in stored:
        progress(f"verifying {each.graph.name}")
        verify(each.database)
    return Taken([each.kept for each in stored], answers, declarations, grown, worst, declared)


def _stored(admin: Database, graph: Lineage, progress: Progress) -> Stored:
    progress(f"{graph.name}: filling")
    database = migrated(admin, graph.name.replace(" ", "_"))
    unused = fill(database, graph)
    progress(f"{graph.name}: making the closure")
    made = rebuilt(database)
    return Stored(graph, database, unused, Kept(graph, *graph.full_closure(), made))


def _answers(stored: Stored, plan: LineagePlan, progress: Progress) -> list[Answered]:
    progress(f"{stored.graph.name}: asking")
    return answered(stored.database, list(questions(stored.graph, plan.near, plan.whole)), plan.repeats)


def _growing(admin: Database, plan: LineagePlan, progress: Progress) -> Iterator[Stored]:
    for sizes in plan.growing:
        for make in sizes:
            yield _stored(admin, make(), progress)


def _worst(stored: Stored, name: str, edge: Edge, progress: Progress) -> Maintained:
    progress(f"one edge: {name}")
    return stored.maintained(name, [edge] * WORST_REPEATS)


def _worst_edges(chain: Stored, hub: Stored, clustered: Stored) -> Iterator[tuple[Stored, str, Edge]]:
    length, spokes = chain.graph.addresses, hub.graph.addresses // 2 - 1
    feeder = spokes + 2
    yield chain, "chain: a short cut in its middle", (length // 2, length // 2 + 2)
    yield chain, "chain: a short cut near its end", (length - 150, length - 100)
    yield chain, "chain: its end leads to its beginning", (length, 1)
    yield hub, "hub: one more feeds it", (feeder + 1, 1)
    yield hub, "hub: somebody feeds what feeds 20,000", (2, feeder)
    yield clustered, "clusters: two are joined", (CLUSTER, CLUSTER + 1)
    yield clustered, "clusters: two are made one cycle", (2 * CLUSTER, 1)


if __name__ == "__main__":
    sys.exit(main())
