"""Single runs of load, each on freshly filled tables, each checked against what the database then holds."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from benchmarks.database import Counters, Database
from benchmarks.load import threads_for, wrk
from benchmarks.machine import Disk
from benchmarks.measure import SYNC, Load, RunVoid
from benchmarks.pgbench import pgbench
from benchmarks.servers import PIPELINES, Api

SETTLE_SECONDS = 0.2
"""What was under way when wrk hung up still reaches the database."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Runs against one database: by HTTP, or by pgbench as the yardstick.

    `running` executions are there before every run, whatever it does, so that all runs meet the same tables.
    """

    database: Database
    api: Api
    counters: Counters
    disk: Disk
    running: int
    seconds: int

    def http_start(self, connections: int, pipelines: int = PIPELINES) -> Load:
        load = self._http("start", connections, pipelines, pipelines)
        made = self.database.executions() - self.running
        return _checked(load, "executions started", made, spare=connections)

    def http_end(self, connections: int, pipelines: int = PIPELINES) -> Load:
        load = self._http("end", connections, pipelines, self.running, threads_for(connections))
        return _checked(load, "executions ended", self.database.ended(), spare=connections)

    def http_declare(self, connections: int) -> Load:
        """Unchanged declarations; what they wrote all the same is observed, not refused."""
        self.database.refill(self.running, PIPELINES)
        tuples, position = self.counters.tuples_written(), self.counters.wal_position()
        load = self._loaded("declare", connections, PIPELINES)
        written = {
            "tuples": float(self.counters.tuples_written() - tuples),
            "wal": float(self.counters.wal_position() - position),
            "statement_wal": float(self.counters.statement_wal()),
        }
        return replace(load, observed={**load.observed, **written})

    def http_lineage(self, connections: int, script: str, *arguments: int) -> Load:
        """Declarations of lineage, or questions about it."""
        return self._loaded(script, connections, *arguments)

    def pgbench_start(self, clients: int) -> Load:
        load = self._pgbench("pgbench_start", clients)
        return _checked(load, "rows inserted by pgbench", self.database.executions() - self.running)

    def pgbench_end(self, clients: int) -> Load:
        load = self._pgbench("pgbench_end", clients)
        return _checked(load, "rows ended by pgbench", self.database.ended())

    def bulk(self, connections: int, size: int, *, external_ids: bool) -> Load:
        load = self._http("bulk", connections, PIPELINES, PIPELINES, size, int(external_ids))
        made = self.database.executions() - self.running
        records = replace(load, requests=load.requests * size)
        return _checked(records, "executions taken in bulk", made, spare=connections * size)

    def _pgbench(self, script: str, clients: int) -> Load:
        self.database.refill(self.running, PIPELINES)
        sync = self.disk.settled_ms()
        return replace(pgbench(self.database, script, clients, self.seconds), observed={SYNC: sync})

    def _http(self, script: str, connections: int, pipelines: int, *arguments: int) -> Load:
        self.database.refill(self.running, pipelines)
        return self._loaded(script, connections, *arguments)

    def _loaded(self, script: str, connections: int, *arguments: int) -> Load:
        sync = self.disk.settled_ms()
        self.counters.reset()
        load = wrk(self.api.url, script, connections, self.seconds, *arguments)
        time.sleep(SETTLE_SECONDS)
        return replace(load, observed={"statements": float(self.counters.statements()), SYNC: sync})


def _checked(load: Load, what: str, count: int, spare: int = 0) -> Load:
    """Refuses a run whose answers the database does not confirm; `spare` may have been cut off unanswered."""
    if not load.requests <= count <= load.requests + spare:
        raise RunVoid(f"{load.requests} requests were answered, but there are {count} {what}.")
    return load
