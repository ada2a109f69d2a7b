"""What breaks while lineage is declared. What was acknowledged is there, whole, and answers are right at once."""

import asyncio
import signal
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from tests.integration.clusters import Postgres
from tests.integration.conftest import Serve
from tests.integration.lineage_load import LineageLoad
from tests.integration.programs import Program, program, until
from tests.integration.wire import Wire, depths
from tests.plain import PLAIN
from tests.server import fetch

PENDING = "SELECT count(*) FROM address_lineage_pending"
CHAIN = 30
"""Addresses that feed one another."""


class Upkeep:
    """Somebody who holds the closure's upkeep, so that nobody else gets to it, until closed."""

    def __init__(self, dsn: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(dsn))
        self._runner.run(self._connection.execute("BEGIN"))
        self._runner.run(self._connection.execute("SELECT FROM lineage_upkeep FOR UPDATE"))

    def close(self) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()


def pending(dsn: str) -> int:
    return int(str(asyncio.run(fetch(dsn, PENDING))[0][0]))


def verified(dsn: str, tmp_path: Path) -> None:
    """The closure comes up to date by itself, and is right."""
    until(lambda: pending(dsn) == 0, 60, "the closure is up to date")
    code, said = ran(tmp_path, dsn, "lineage", "verify")
    assert code == 0, said


def ran(tmp_path: Path, dsn: str, *command: str) -> tuple[int, str]:
    """The exit code of the `watcher` program, and what it said."""
    with program(tmp_path / "command.log", *command, database_url=dsn) as running:
        return running.exit_code(120), running.log


def kill(api: Program) -> None:
    """All its processes at once."""
    everybody = api.tree()
    for process in everybody:
        process.kill()
    api.process.wait()
    psutil.wait_procs(everybody, timeout=10)


def more(load: LineageLoad, count: int = 40) -> None:
    """Waits until so many more declarations were acknowledged."""
    goal = load.acknowledged() + count
    until(lambda: load.acknowledged() >= goal, 60, f"{count} declarations")


def test_a_killed_server_leaves_nothing_undone(
    mortal: Program, serve: Serve, durable: Postgres, tmp_path: Path
) -> None:
    names = [f"chain {number}" for number in range(CHAIN)]
    expected = {name: step for step, name in enumerate(names)}
    with closing(Upkeep(durable.dsn)):
        with mortal.client() as client:
            wire = Wire(client, durable.dsn)
            for step, (source, target) in enumerate(pairwise(names)):
                wire.flows(f"link {step}", [source], [target])
        kill(mortal)
        with serve(durable.dsn, workers="2") as successor, successor.client() as client:
            assert depths(Wire(client, durable.dsn).around(names[0], "downstream")) == expected
            assert pending(durable.dsn) >= 2 * (CHAIN - 1)
            kill(successor)

    with serve(durable.dsn, workers="2"):
        verified(durable.dsn, tmp_path)
    query = """
        SELECT count(*) FROM address_lineage_closure AS c
        INNER JOIN address AS a ON a.id = c.ancestor_id
        WHERE a.name LIKE 'chain %' AND c.downstream AND c.upstream
    """
    assert asyncio.run(fetch(durable.dsn, query)) == [(CHAIN * (CHAIN - 1) // 2,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["fast", "killed"])
def test_a_database_that_restarts_loses_no_declaration(
    server: Program, durable: Postgres, tmp_path: Path, number: signal.Signals
) -> None:
    with LineageLoad(server, f"restart {number.name}") as load:
        more(load)
        durable.end(number)
        before = load.statuses[503]
        until(lambda: load.statuses[503] > before, 15, "503")
        durable.start()
        more(load)

    assert set(load.statuses) <= {201, 200, 503}, load.statuses
    assert not load.broken, load.broken
    load.check(durable.dsn)
    verified(durable.dsn, tmp_path)


def test_the_closure_is_made_anew_beside_declarations(
    server: Program, durable: Postgres, tmp_path: Path
) -> None:
    with LineageLoad(server, "rebuild") as load:
        more(load)
        for _ in range(2):
            code, said = ran(tmp_path, durable.dsn, "lineage", "rebuild")
            assert code == 0, said
        more(load)

    assert set(load.statuses) == {200, 201}, load.statuses
    assert not load.broken, load.broken
    load.check(durable.dsn)
    verified(durable.dsn, tmp_path)


def test_a_killed_worker_loses_no_declaration(server: Program, durable: Postgres, tmp_path: Path) -> None:
    with LineageLoad(server, "worker", asking=False) as load:
        more(load)
        victim, survivor = server.children()
        victim.kill()
        until(lambda: len(set(server.children()) - {victim, survivor}) == 1, 15, "a new worker")
        more(load, 100)

    assert set(load.statuses) <= {200, 201}, load.statuses
    load.check(durable.dsn)
    verified(durable.dsn, tmp_path)
    assert httpx.get(f"{server.url}/health/ready", trust_env=False, verify=PLAIN).is_success
