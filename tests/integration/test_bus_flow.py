"""A worker with the terms that are shipped keeps up with what busy servers announce."""

import time
from pathlib import Path

from pydantic import SecretStr

from tests.broker import private_broker
from tests.integration.programs import free_port, program, until
from watcher import bus
from watcher.adapters.bus.celery_jobs import CeleryJobs
from watcher.domain.jobs import Job
from watcher.settings import Settings

SERVERS = 8
SECONDS = 6.0
MOST = 60


def test_messages_do_not_pile_up_while_runs_end_all_the_time(fresh_database: str, tmp_path: Path) -> None:
    with private_broker(free_port()) as broker, broker.client() as client:
        log = tmp_path / "worker"
        with program(log, "worker", database_url=fresh_database, broker_url=broker.url) as worker:
            until(lambda: bool(client.keys("watcher:workers*")), 30, "the worker")
            servers = [bus.jobs(Settings(broker_url=SecretStr(broker.url))) for _ in range(SERVERS)]
            began, pending = time.monotonic(), []
            while time.monotonic() - began < SECONDS:
                for server in servers:
                    server.announce(Job.DETECT_ANOMALIES)
                    server.announce(Job.SEND_ALERTS)
                time.sleep(0.02)
                pending.append(client.llen("celery"))
            for server in servers:
                assert isinstance(server, CeleryJobs)
                server.close()
            until(lambda: client.llen("celery") == 0, 60, "the end of what was announced")
            assert max(pending) <= MOST
            assert worker.stopped() == 0, worker.log
