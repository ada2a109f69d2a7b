"""One private PostgreSQL, several processes: the last of them stops it, however it ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil

from tests.integration.clusters import (
    FORKING,
    QUICK,
    SHARING,
    eventually,
    finish,
    gone,
    linux,
    program,
    query,
    running,
)
from watcher.adapters.embedded import EmbeddedPostgres


def test_the_last_of_two_processes_stops_the_server_even_when_the_other_started_it(home: Path) -> None:
    with program(SHARING, home) as starter, program(SHARING, home) as other:
        server = running(home)
        finish(starter)
        with EmbeddedPostgres(home) as visitor:
            assert query(visitor, "SELECT 1") == 1
        assert running(home) == server
        finish(other)
        assert gone(server)


def test_the_death_of_one_process_leaves_the_server_to_the_other(home: Path) -> None:
    with program(SHARING, home) as starter, EmbeddedPostgres(home) as cluster:
        server = running(home)
        starter.kill()
        starter.wait()
        time.sleep(0.3)
        assert query(cluster, "SELECT 1") == 1
        assert running(home) == server
    assert gone(server)


def test_the_death_of_the_only_process_stops_the_server_and_the_next_start_works(home: Path) -> None:
    with program(SHARING, home) as only:
        server = running(home)
        only.kill()
        eventually(lambda: gone(server), seconds=5)
    assert (home / "postgres.log").read_text().endswith("database system is shut down\n")
    with EmbeddedPostgres(home, settings=QUICK) as cluster:
        assert query(cluster, "SELECT 1") == 1


@linux
def test_the_death_of_the_keeper_stops_the_server(home: Path) -> None:
    with EmbeddedPostgres(home, settings=QUICK) as cluster:
        server = running(home)
        keeper = psutil.Process(server).parent()
        assert keeper is not None
        keeper.kill()
        eventually(lambda: gone(server), seconds=5)
        cluster.start()
        assert query(cluster, "SELECT 1") == 1


def test_the_end_of_the_starting_thread_does_not_stop_the_server(home: Path) -> None:
    cluster = EmbeddedPostgres(home, settings=QUICK)
    thread = threading.Thread(target=cluster.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert query(cluster, "SELECT 1") == 1
    cluster.stop()


def test_a_fork_cannot_stop_the_server_of_its_parent(home: Path) -> None:
    with program(FORKING, home, says="forked") as parent:
        server = running(home)
        finish(parent)
        assert gone(server)
