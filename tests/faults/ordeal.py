"""One fault, made to a system under load, and what came of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise

from tests.faults.fault import Fault, Scene
from tests.faults.load import SERVED, Load
from tests.faults.record import UNJUDGED, Audit
from tests.faults.system import System, staged
from tests.integration.programs import until
from tests.server import fetch

WARM = 40
"""Runs that are recorded before the fault."""

RECOVERY_SECONDS = 60.0
JUDGING_SECONDS = 150.0
"""A tick of the schedule finds what announcements were lost, and one may be missed."""

BREATH_SECONDS = 2.0
VERDICTS = "SELECT count(*) FROM anomaly_detection_result WHERE pipeline_execution_id = ANY($1::BIGINT[])"


@dataclass(frozen=True, slots=True)
class Finding:
    """What clients saw, in how many seconds they and the judging of runs recovered, and what became of their writes."""

    fault: Fault
    load: Load
    gap: float
    """The longest time in which nobody was served."""

    recovered: float
    judging: float
    audit: Audit
    unjudged: Sequence[object]
    noted: Sequence[str]
    wrong: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """What must not be, and is."""
        statuses, broken = self.load.statuses, self.load.broken
        found = [*self.wrong]
        if strange := {status for status in statuses if status not in SERVED and status != 503}:
            found.append(f"answers of the statuses {sorted(strange)}")
        if self.fault.unnoticed and (statuses[503] or broken):
            found.append(f"clients noticed: {dict(statuses)}, {dict(broken)}")
        if self.load.unhinted:
            found.append(f"{self.load.unhinted} times 503 without Retry-After")
        for what, rows in (
            ("acknowledged, and lost", self.audit.lost),
            ("there twice", self.audit.twice),
            ("never judged", self.unjudged),
        ):
            if rows:
                found.append(f"{what}: {len(rows)}, {rows[:5]}")
        return found


def survived(fault: Fault) -> Finding:
    """What came of the fault. Fails where the system does not recover in time."""
    with staged(fault.stage) as system, ExitStack() as stack:
        load = Load(system.api.url, watched=True, declaring=1, nameless=1, pause_seconds=0.01)
        scene = Scene(system, load, fault.seconds, stack)
        with load:
            until(lambda: load.acknowledged() >= WARM, RECOVERY_SECONDS, f"{WARM} runs")
            began = time.monotonic()
            with fault.strike(scene):
                scene.lasts()
            ended, known = time.monotonic(), set(load.ended)
            recovered = _recovered(load, ended)
            judging = _judging(load, system, ended, known)
            fault.afterwards(scene)
            time.sleep(BREATH_SECONDS)
        return Finding(
            fault,
            load,
            _gap(load, began),
            recovered,
            judging,
            Audit.of(load, system.dsn),
            _settled(system),
            scene.noted,
            [*scene.wrong, *system.wrong()],
        )


def _recovered(load: Load, ended: float) -> float:
    """Seconds from the end of the fault until each client had been served."""
    first: dict[int, float] = {}

    def all_served() -> bool:
        for each in list(load.asked):
            if each.served and each.over > ended:
                first.setdefault(each.client, each.over - ended)
        return len(first) == len(load.clients)

    until(all_served, RECOVERY_SECONDS, "every client is served again")
    return max(first.values())


def _judging(load: Load, system: System, ended: float, known: set[int]) -> float:
    """Seconds from the end of the fault until a run was judged that ended after it."""

    def judged() -> bool:
        later = list(set(load.ended) - known)
        return bool(later) and asyncio.run(fetch(system.dsn, VERDICTS, later)) != [(0,)]

    until(judged, JUDGING_SECONDS, "a verdict")
    return time.monotonic() - ended


def _settled(system: System) -> Sequence[object]:
    """Runs that were not judged, however long one waits."""
    deadline = time.monotonic() + JUDGING_SECONDS
    while unjudged := asyncio.run(fetch(system.dsn, UNJUDGED)):
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return unjudged


def _gap(load: Load, began: float) -> float:
    times = sorted(each.over for each in load.asked if each.served and each.over > began)
    return max((later - earlier for earlier, later in pairwise([began, *times])), default=0.0)


def seen(load: Load) -> str:
    """What clients saw, in words."""
    statuses = load.statuses
    served = sum(count for status, count in statuses.items() if status in SERVED)
    parts = [f"{served:,} served"]
    parts += [f"{count:,} x {status}" for status, count in sorted(statuses.items()) if status not in SERVED]
    parts += [f"{count:,} x {kind}" for kind, count in Counter(load.broken).most_common()]
    return f"{', '.join(parts)}; slowest {load.slowest():.1f} s"
