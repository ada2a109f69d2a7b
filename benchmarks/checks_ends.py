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
from benchmarks.measure import Cell, Load, Rounds, RunVoid, interleaved
from benchmarks.servers import api, migrated
from benchmarks.workload import Workload

CONNECTIONS = 64
WARM_UP = 64
PROBED = 40_000
HEADROOM = 3
NOTED = """
    SELECT (SELECT count(*) FROM anomaly_pending) + (SELECT count(*) FROM anomaly_detection_result)
"""
UNWATCHED, WATCHED = "not watched", "one rule"


@dataclass(frozen=True, slots=True)
class Ends:
    """Rounds of `UNWATCHED` and `WATCHED`."""

    announced: Rounds
    in_process: Rounds


def ends(admin: Database, counters: Counters, plan: ChecksPlan, progress: Callable[[str], None]) -> Ends:
    def taken(name: str, broker_url: str) -> Rounds:
        database = migrated(admin, name)
        with api(database, broker_url) as server:
            counted = replace(counters, watched=database)
            workload = Workload(database, server, counted, Disk(), running=PROBED, seconds=1)
            warmed_up = workload.http_end(WARM_UP).rate
            database.rows(sql("judging_rules"), ["total_rows"])
            running = int(HEADROOM * warmed_up * plan.seconds)
            workload = replace(workload, running=running, seconds=plan.seconds)
            cells = [Cell(each, partial(_ends, workload, each)) for each in (UNWATCHED, WATCHED)]
            return interleaved(cells, plan.rounds, lambda line: progress(f"{name}: {line}"))

    with broker() as url:
        announced = taken("ends, announced", url)
    return Ends(announced, taken("ends, in process", ""))


def _ends(workload: Workload, watched: str) -> Load:
    """Refuses a run after which not each end of a watched pipeline waits or is judged, or one of another does."""
    workload.database.execute(["TRUNCATE anomaly_pending, anomaly_detection_result, anomaly_incident"])
    workload.database.rows(
        "UPDATE anomaly_detection_rule SET active = $1, judged_to = NULL", watched == WATCHED
    )
    load = workload.http_end(CONNECTIONS)
    noted = workload.database.number(NOTED)
    if noted != (workload.database.ended() if watched == WATCHED else 0):
        raise RunVoid(f"Of {load.requests} ends {noted} are noted as to be judged, or judged.")
    return load
