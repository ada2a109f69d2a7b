"""Kills Redis, workers and everything while runs are judged and alerts sent: `python -m tests.integration.watching_faults`.

It ends when all that was to be judged and told is, and then says whether each was once.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.broker import Broker, private_broker
from tests.conftest import FAST, directory_for_all
from tests.integration.cluster_of_programs import Cluster
from tests.integration.faults_report import Report
from tests.integration.programs import free_port, until
from tests.integration.receivers import WebServer, listening
from tests.integration.watched_load import WatchedLoad
from tests.integration.watching_record import COUNTED, UNSETTLED, Arrivals, numbers, wrong
from tests.server import Server, execute, fetch
from watcher.adapters.embedded import EmbeddedPostgres
from watcher.adapters.postgres.migrate import migrate

CHANNELS = ("one", "two")
RECEIVING_SECONDS = 0.2
"""How long a receiver takes to answer, having what was sent: long enough to be killed in between."""

ASKING_EACH = 5
"""So many seconds lie between checks that are asked for: each is news itself, which has to be told, too."""

IN_VAIN = "announced in vain"
VERDICTS = "SELECT count(*) FROM anomaly_detection_result"
WAITING = "SELECT pipeline_execution_id FROM anomaly_pending"
JUDGED_AT = "SELECT judged_at FROM anomaly_detection_result WHERE pipeline_execution_id = ANY($1::BIGINT[])"
FOUND_AT = """
SELECT l.detected_at FROM freshness_pipeline_log AS l INNER JOIN pipeline AS p ON p.id = l.pipeline_id WHERE p.name = $1
"""
DUE = "UPDATE alert_delivery SET next_attempt_at = next_attempt_at - INTERVAL '2 minutes' WHERE state = 'pending'"
BEGUN = "SELECT FROM alert_upkeep WHERE activated_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Plan:
    """`outages` of Redis in seconds, one a round; `breath` is how long there is peace in between.

    `patient` ones wait until a delivery that was broken off may be taken over, and for ticks alone; others put the
    clock of such deliveries forward, and go on asking for checks.
    """

    outages: tuple[float, ...]
    breath: float
    patient: bool


SHORT = Plan(outages=(6.0,), breath=1.0, patient=False)
LONG = Plan(outages=(30.0, 10.0), breath=4.0, patient=True)


@dataclass(frozen=True, slots=True)
class Ordeal:
    """A cluster under load, and what is done to it."""

    cluster: Cluster
    load: WatchedLoad
    plan: Plan
    report: Report
    say: Callable[[str], None]

    def run(self) -> None:
        self._begins()
        self._waits_for_verdicts()
        for number, seconds in enumerate(self.plan.outages):
            self._loses_redis(seconds, emptied=number % 2 == 1)
            self._loses_processes()
            last = number == len(self.plan.outages) - 1
            self._loses_everything(paused=last)
            if not last:
                self._waits_for_verdicts()
        self._is_found_by_a_tick()
        self.load.resume()
        time.sleep(self.plan.breath)
        self.load.stop()
        self._settles()

    def _begins(self) -> None:
        """What is over before the first pass of all is not told, so that has to be made before there is a load."""
        with self.load.one_more() as client:
            self.load.declare_stale(client, "the first")
            client.insists("POST", "/freshness")
        until(lambda: asyncio.run(fetch(self.cluster.dsn, BEGUN)) != [], 60, "the first pass")
        self.load.begin()

    def _breathes(self) -> None:
        time.sleep(self.plan.breath)

    def _loses_redis(self, seconds: float, *, emptied: bool) -> None:
        self._breathes()
        self.say(f"Redis is killed for {seconds:.0f} s")
        began = time.monotonic()
        self.cluster.broker.kill()
        if emptied:
            self.cluster.broker.lose()
        time.sleep(seconds)
        self.report.outages.append((began, time.monotonic()))
        self.cluster.broker.start()
        back = time.monotonic()
        self._waits_for_verdicts()
        self.report.resumed.append(time.monotonic() - back)

    def _loses_processes(self) -> None:
        self._breathes()
        self.say("the processes of the workers are killed")
        self.cluster.kill_tasks()
        self._breathes()
        self.say("the workers are killed while they send")
        self.cluster.kill_workers(sending=True)
        self.cluster.employ()
        self._waits_for_verdicts()
        self._breathes()

    def _loses_everything(self, *, paused: bool) -> None:
        self.say("the workers are killed, then everything else")
        self.cluster.kill_workers()
        if paused:
            self._announces_in_vain()
        self._breathes()
        self.cluster.kill_all()
        if paused:
            self.load.pause()
            self.report.unannounced = sorted(self._ids(WAITING))
        if not self.plan.patient:
            asyncio.run(execute(self.cluster.dsn, DUE))
        self.report.restarted_at = datetime.now(UTC)
        self.cluster.restart()

    def _announces_in_vain(self) -> None:
        """A stale pipeline, and the announcement of a check in Redis, where no worker is left to take it."""
        with self.cluster.broker.client() as redis, self.load.one_more() as client:
            self.load.declare_stale(client, IN_VAIN)
            client.insists("POST", "/freshness")
            until(lambda: redis.llen("celery") > 0, 20, "the announcements")

    def _is_found_by_a_tick(self) -> None:
        """Nobody asks for anything, and Redis has forgotten what it was told."""
        dsn = self.cluster.dsn
        self.say(f"{len(self.report.unannounced)} runs wait for the next tick")
        until(
            lambda: not self._ids(WAITING) and asyncio.run(fetch(dsn, FOUND_AT, IN_VAIN)) != [],
            130,
            "a tick that finds the work",
        )
        judged = asyncio.run(fetch(dsn, JUDGED_AT, self.report.unannounced))
        found = asyncio.run(fetch(dsn, FOUND_AT, IN_VAIN))
        self.report.found_by_tick = [row[0] for row in (*judged, *found) if isinstance(row[0], datetime)]

    def _settles(self) -> None:
        """Until all is judged, told and delivered."""
        self.say("waiting for what is left")
        deadline = time.monotonic() + (240 if self.plan.patient else 60)
        count = 0
        while any((left := numbers(self.cluster.dsn, UNSETTLED)).values()):
            assert time.monotonic() < deadline, f"left: {left}"
            if not self.plan.patient and count % ASKING_EACH == 0:
                with self.load.one_more() as client:
                    self.load.declare_stale(client, f"asked for {count}")
                    client.insists("POST", "/freshness")
                    client.insists("POST", "/timeliness", {})
            count += 1
            time.sleep(1)

    def _waits_for_verdicts(self) -> None:
        before = self._ids(VERDICTS)[0]
        until(lambda: self._ids(VERDICTS)[0] > before, 100, "verdicts")

    def _ids(self, query: str) -> list[int]:
        return [int(str(row[0])) for row in asyncio.run(fetch(self.cluster.dsn, query))]


def survived(dsn: str, broker: Broker, directory: Path, plan: Plan, say: Callable[[str], None]) -> Report:
    """What came of the plan, on a migrated and empty database."""
    web = WebServer()
    web.delay = RECEIVING_SECONDS
    settings = {
        "alert_channels": " ".join(f"name={name} url={web.url(name)}" for name in CHANNELS),
        "alert_schemes": "json",
        "schedule_check_freshness": "* * * * *",
        "schedule_check_timeliness": "* * * * *",
        "error_least": "100000",  # that much fails is the purpose, and when that ends is a matter of minutes
    }
    with listening(web), Cluster(dsn, broker, directory, settings) as cluster:
        report = Report(WatchedLoad(cluster.api.url), cluster)
        try:
            Ordeal(cluster, report.load, plan, report, say).run()
        finally:
            report.load.stop()
        report.counts = numbers(dsn, COUNTED)
        report.arrivals = Arrivals.at(web)
        report.wrong = wrong(dsn, report.arrivals, cluster.killed.sends, report.load)
    return report


def timed(line: str, began: float = time.monotonic()) -> None:
    """Says a line, and when."""
    sys.stdout.write(f"{time.monotonic() - began:4.0f} s  {line}\n")
    sys.stdout.flush()


def main() -> int:
    with (
        directory_for_all() as directory,
        EmbeddedPostgres(directory / "home", settings=FAST) as postgres,
        Server(postgres.dsn).database() as dsn,
        private_broker(free_port()) as broker,
    ):
        asyncio.run(migrate(dsn))
        report = survived(dsn, broker, directory, LONG, timed)
        problems = report.problems()
    for line in (*report.lines(), *(f"WRONG: {problem}" for problem in problems)):
        timed(line)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
