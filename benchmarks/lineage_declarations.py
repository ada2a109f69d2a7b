"""Declarations of lineage by HTTP, side by side with starts, while the closure is kept up as in production."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from benchmarks.database import Counters, Database
from benchmarks.graphs import CLUSTER, Lineage
from benchmarks.lineage_store import GROUP, TYPE, address
from benchmarks.load import threads_for
from benchmarks.machine import Disk
from benchmarks.measure import Cell, Load, Rounds, RunVoid, interleaved
from benchmarks.servers import PIPELINES, api
from benchmarks.workload import Workload

RUNNING = 20_000
CONNECTIONS = (1, 64)
CHANGING = PIPELINES // 2 + 1
"""The pipelines from this one on declare something else every time; those before it always the same."""

IDLE_SECONDS = 300.0
BACKLOG = "backlog_seconds"
"""Under which a run observes how long the closure took, after it, to know all that was declared."""


def starting(connections: int) -> str:
    return f"start, c={connections}"


def unchanged(connections: int) -> str:
    return f"lineage 3 x 2 unchanged, c={connections}"


def changed(connections: int) -> str:
    return f"lineage 3 x 2 changed, c={connections}"


def near(connections: int) -> str:
    return f"GET, downstream, depth 3, c={connections}"


@dataclass(frozen=True, slots=True)
class Declaring:
    """An API on the database of a clustered graph, whose 1,000 pipelines declare a few addresses of one cluster each."""

    workload: Workload
    graph: Lineage
    variants: Iterator[int]

    def start(self, connections: int) -> Load:
        return self.workload.http_start(connections)

    def unchanged(self, connections: int) -> Load:
        before = self._declarations()
        load = self._declare(connections, 1, CHANGING - 1, changing=False)
        if made := self._declarations() - before:
            raise RunVoid(f"{made} declarations that were to change nothing were taken for new ones.")
        return load

    def changed(self, connections: int) -> Load:
        before = self._declarations()
        load = self._declare(connections, CHANGING, PIPELINES, changing=True)
        made = self._declarations() - before
        if not load.requests <= made <= load.requests + connections:
            raise RunVoid(f"{load.requests} requests were answered, but {made} declarations were new.")
        return replace(load, observed={**load.observed, BACKLOG: self.idle_seconds()})

    def near(self, connections: int) -> Load:
        return self.workload.http_lineage(connections, "neighbourhood", self.graph.addresses, 3)

    def idle_seconds(self) -> float:
        """Waits until the closure knows everything; how long that took."""
        began = time.monotonic()
        while self.workload.database.number("SELECT count(*) FROM address_lineage_pending"):
            if time.monotonic() - began > IDLE_SECONDS:
                raise RunVoid(
                    f"The closure was not up to date {IDLE_SECONDS:.0f} s after the last declaration."
                )
            time.sleep(0.05)
        return time.monotonic() - began

    def _declare(self, connections: int, first: int, last: int, *, changing: bool) -> Load:
        self.workload.database.refill(RUNNING, PIPELINES)
        clusters = self.graph.addresses // CLUSTER
        variant = 2 * next(self.variants)
        arguments = (first, last, clusters, int(changing), variant, threads_for(connections))
        return self.workload.http_lineage(connections, "lineage", *arguments)

    def _declarations(self) -> int:
        return self.workload.database.number("SELECT count(*) FROM lineage_declaration")

    def declare_first(self) -> None:
        """What the unchanged declarations repeat."""
        connection = http.client.HTTPConnection("127.0.0.1", self.workload.api.port, timeout=30)
        for pipeline in range(1, CHANGING):
            _posted(connection, content(pipeline, self.graph.addresses // CLUSTER))
        connection.close()
        self.idle_seconds()


def content(pipeline: int, clusters: int) -> dict[str, object]:
    """What `lua/lineage.lua` declares when nothing is to change."""
    before = (pipeline - 1) % clusters * CLUSTER
    return {
        "pipeline_id": pipeline,
        "source_addresses": [_place(before + each) for each in (1, 8, 21)],
        "target_addresses": [_place(before + each) for each in (51, 62)],
    }


def _place(number: int) -> dict[str, str]:
    return {"name": address(number).name, "address_type_name": TYPE, "address_type_group_name": GROUP}


def _posted(connection: http.client.HTTPConnection, body: dict[str, object]) -> None:
    connection.request("POST", "/address_lineage", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != http.HTTPStatus.CREATED:
        raise RunVoid(f"A declaration of lineage got {response.status} {answer[:200]!r}.")


@contextmanager
def declaring(database: Database, admin: Database, graph: Lineage, seconds: int) -> Iterator[Declaring]:
    counters = Counters(database, admin)
    counters.install()
    with api(database) as server:
        workload = Workload(database, server, counters, Disk(), running=RUNNING, seconds=seconds)
        here = Declaring(workload, graph, count())
        here.declare_first()
        yield here


def side_by_side(here: Declaring, rounds: int, progress: Callable[[str], None]) -> Rounds:
    cells = [
        cell
        for connections in CONNECTIONS
        for cell in (
            Cell(starting(connections), partial(here.start, connections)),
            Cell(unchanged(connections), partial(here.unchanged, connections)),
            Cell(changed(connections), partial(here.changed, connections)),
            Cell(near(connections), partial(here.near, connections)),
        )
    ]
    return interleaved(cells, rounds, lambda line: progress(f"declarations: {line}"))
