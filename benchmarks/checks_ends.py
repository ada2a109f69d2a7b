"""What an end costs where its pipeline is watched, beside where it is not.

Announced ends are those of an API beside a broker: whoever judges is another process, and here nobody does. Where
there is no broker the API judges in the time that requests leave, on the cores that this machine has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.broker import broker
from benchmarks.checks_plan import ChecksPlan
from benchmarks.database import Counters, Database, sql
from benchmarks.machine import Disk
from benchmarks.measure import Cell, Load, Rounds, interleaved
from benchmarks.servers import api, migrated
from benchmarks.workload import Workload

CONNECTIONS = 64
WARM_UP = 64
PROBED = 40_000
HEADROOM = 3
UNWATCHED, WATCHED = "not watched", "one rule"


@dataclass(frozen=True, slots=True)
class Ends:
    """Rounds of `UNWATCHED` and `WATCHED`."""

    announced: Rounds
    in_process: Rounds


def ends(admin: Database, counters: Counters, plan: ChecksPlan, progress: Callable[[str], None]) -> Ends:
    with broker() as url:
        announced = _taken(admin, "ends_announced", counters, plan, progress, url)
    return Ends(announced, _taken(admin, "ends_in_process", counters, plan, progress))


def _taken(
    admin: Database,
    name: str,
    counters: Counters,
    plan: ChecksPlan,
    progress: Callable[[str], None],
    broker_url: str = "",
) -> Rounds:
    database = migrated(admin, name)
    with api(database, broker_url) as server:
        probe = Workload(
            database, server, replace(counters, watched=database), Disk(), running=PROBED, seconds=1
        )
        warmed_up = probe.http_end(WARM_UP).rate
        database.rows(sql("judging_rules"), ["total_rows"])
        workload = replace(probe, running=int(HEADROOM * warmed_up * plan.seconds), seconds=plan.seconds)
        cells = [Cell(each, partial(_ends, workload, each)) for each in (UNWATCHED, WATCHED)]
        return interleaved(cells, plan.rounds, lambda line: progress(f"{name}: {line}"))


def _ends(workload: Workload, watched: str) -> Load:
    workload.database.rows("TRUNCATE anomaly_pending, anomaly_detection_result, anomaly_incident")
    workload.database.rows(
        "UPDATE anomaly_detection_rule SET active = $1, judged_to = NULL", watched == WATCHED
    )
    return workload.http_end(CONNECTIONS)
