"""API, worker and beat, of which there are no others, begin with clocks that are wrong; then these are set right."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.faults.clocks import obstacle
from tests.faults.fault import Fault, Scene
from tests.faults.system import Stage
from tests.integration.programs import until
from tests.integration.receivers import WebServer, listening
from tests.integration.test_http_checks import HOURLY, TIMELY, ago
from tests.integration.watching_record import Arrivals
from tests.server import fetch

PROGRAMS = ("beat", "worker", "api")
HOUR = 3_600
PIPELINES = 10
KINDS = ("freshness", "timeliness")
TICK_SECONDS = 90.0
"""Until the next tick of a schedule of minutes has been done, and what it found was told."""

MINUTELY = ("SEND_ALERTS", "CHECK_FRESHNESS", "CHECK_TIMELINESS")
SENT = re.compile(r"Sending due task (\w+)")
TOLD = """
SELECT s.kind, count(*), count(a.id), count(d.id), count(*) FILTER (WHERE d.state = 'delivered')
FROM (
    SELECT 'freshness' AS kind, l.id FROM freshness_pipeline_log AS l
    UNION ALL SELECT 'timeliness', t.id FROM timeliness_pipeline_execution_log AS t
) AS s
LEFT JOIN alert AS a ON a.kind = s.kind AND a.spell_id = s.id
LEFT JOIN alert_delivery AS d ON d.message_id = a.opened_in
GROUP BY s.kind
"""
TICKS = (
    "SELECT t.job FROM job_tick AS t WHERE t.taken_at < now() - INTERVAL '2 minutes' OR t.taken_at > now()"
)


@dataclass(slots=True)
class WrongFromTheStart:
    """Clocks are so many seconds ahead, or behind. Somebody is told of alerts, and there is reason for some."""

    seconds: int
    corrected: float = 0.0
    sent: Counter[str] = field(default_factory=Counter)
    """By the beat, until its clock was set right."""

    web: WebServer = field(default_factory=WebServer)

    @contextmanager
    def strike(self, scene: Scene) -> Iterator[None]:
        system = scene.system
        scene.stack.enter_context(listening(self.web))
        system.settings |= {
            "WATCHER_ALERT_CHANNELS": f"name=ops url={self.web.url('ops')}",
            "WATCHER_ALERT_SCHEMES": "json",
            **{f"WATCHER_SCHEDULE_{job}": "* * * * *" for job in MINUTELY},
        }
        _stop(scene, *PROGRAMS)
        system.jump(self.seconds)
        system.begin_all()
        _goes_wrong(scene, "while clocks are wrong")
        with system.api.client() as client:
            client.post("/freshness").raise_for_status()
            client.post("/timeliness", json={}).raise_for_status()
        until(lambda: _told(scene, PIPELINES), TICK_SECONDS, "what was found while clocks were wrong is told")
        yield
        system.jump(0)
        self.sent, self.corrected = _sent(scene), time.monotonic()
        _stop(scene, "worker", "api")
        system.begin("worker", "worker", "--concurrency", "2")
        system.begin("api", "api", "--workers", "2")
        system.api.await_ready()

    def afterwards(self, scene: Scene) -> None:
        """The beat, which went on, is neither silent nor does it make up for ticks: nobody else looks for what is wrong."""
        _goes_wrong(scene, "when clocks are right")
        began = time.monotonic()
        until(lambda: _told(scene, 2 * PIPELINES), TICK_SECONDS, "what a tick found is told")
        scene.noted.append(
            f"a tick found what went wrong, and it was told, {time.monotonic() - began:.0f} s later"
        )
        minutes = (time.monotonic() - self.corrected) / 60
        sent = _sent(scene) - self.sent
        most = int(minutes) + 2
        scene.demand(
            all(0 < sent[job.lower()] <= most for job in MINUTELY) and max(sent.values()) <= most,
            f"within {minutes:.1f} minutes of its correction the beat sent {sent}",
        )
        late = asyncio.run(fetch(scene.system.dsn, TICKS))
        scene.demand(
            not {job for (job,) in late} & {job.lower() for job in MINUTELY}, f"ticks are off: {late}"
        )
        arrivals = Arrivals.at(self.web)
        scene.demand(arrivals.repeats == 0, f"messages that arrived more than once: {arrivals.times}")


def _stop(scene: Scene, *names: str) -> None:
    for name in names:
        program = scene.system.programs[name]
        scene.demand(program.stopped() == 0, f"{name} did not end in order:\n{program.log[-2000:]}")


def _goes_wrong(scene: Scene, when: str) -> None:
    """So many pipelines are stale, by any of the clocks, and each has a run that is late."""
    with scene.system.api.client() as client:
        for number in range(PIPELINES):
            body = {"name": f"{number} {when}", "pipeline_type_name": "load"} | HOURLY | TIMELY
            identity = client.post("/pipeline", json=body).raise_for_status().json()["id"]
            change = {"id": identity, "last_target_insert": ago(hours=5)}
            client.patch("/pipeline", json=change).raise_for_status()
            run = {"pipeline_id": identity, "external_id": f"late {when}", "start_date": ago(hours=5)}
            client.post("/start_pipeline_execution", json=run).raise_for_status()


def _told(scene: Scene, count: int) -> bool:
    """Whether so many of each kind are on record, each told and delivered once."""
    rows = asyncio.run(fetch(scene.system.dsn, TOLD))
    return {kind: counts for kind, *counts in rows} == {kind: [count] * 4 for kind in KINDS}


def _sent(scene: Scene) -> Counter[str]:
    """What the beat sent so far."""
    return Counter(SENT.findall(scene.system.programs["beat"].log))


def _fault(name: str, words: str, seconds: int) -> Fault:
    wrong = WrongFromTheStart(seconds)
    return Fault(
        name,
        f"API, worker and beat are started again with clocks {words}, and there are no others; 12 s later the clocks are set "
        "right, and API and worker are started again, while the beat goes on",
        wrong.strike,
        seconds=12,
        stage=Stage(clocks=frozenset(PROGRAMS)),
        obstacle=obstacle,
        afterwards=wrong.afterwards,
    )


FAULTS = (
    _fault("restart-ahead", "an hour ahead", HOUR),
    _fault("restart-behind", "an hour behind", -HOUR),
)
