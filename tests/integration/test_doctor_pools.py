"""What `watcher doctor` tells of the pools of programs that run."""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from tests.broker import Broker
from tests.integration.conftest import Serve
from tests.integration.pgbouncer import pooled
from tests.integration.programs import Program, program, until
from tests.integration.test_doctor import Said
from tests.integration.test_rights import PASSWORD, Role
from tests.server import Server, execute, fetch, name_of
from watcher import bus
from watcher.adapters.bus.celery_jobs import CeleryJobs
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.exams import PostgresExams
from watcher.adapters.postgres.migrate import LOCK, migrate
from watcher.adapters.postgres.queries import Query
from watcher.adapters.system_clock import SystemClock
from watcher.domain.diagnosis import Finding, Verdict
from watcher.domain.diagnosis_database import DatabaseFacts
from watcher.domain.diagnosis_pools import judged
from watcher.domain.jobs import Job
from watcher.domain.page import Page
from watcher.domain.pool_names import PoolName
from watcher.embedding import open_watcher
from watcher.settings import Settings

SECONDS = 60.0
ONE = Query.parsed("one", "SELECT 1")
SLEEP = Query.parsed("sleep", "SELECT pg_sleep(0.2)")
BUSY = r"\d(?: to \d)? busy"


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `.env` in the working directory takes no part."""
    monkeypatch.chdir(tmp_path)


def names(dsn: str) -> list[str]:
    query = "SELECT application_name FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
    return [str(row[0]) for row in asyncio.run(fetch(dsn, query, name_of(dsn)))]


def pids(dsn: str, of: str) -> set[int]:
    """The processes of a program that are connected, by their names."""
    read = [PoolName.read(each) for each in names(dsn)]
    return {each.process for each in read if each is not None and each.program == of}


def told(**settings: str) -> list[dict[str, str]]:
    """What the doctor says of pools."""
    found = Said("--json", **settings).json["findings"]
    return [each for each in found if each["topic"] == "pools"]


async def examined(dsn: str, *, pooled: bool = False) -> list[Finding]:
    """The same, without the program."""
    database = Database(dsn, pooled=pooled, program="doctor")
    facts = await PostgresExams(database, SystemClock()).examined()
    await database.close()
    assert isinstance(facts, DatabaseFacts)
    return list(judged(facts.pools, facts.usable))


@contextmanager
def locked(dsn: str) -> Iterator[None]:
    """Nobody reads or writes pipelines."""
    with asyncio.Runner() as runner:
        holder = runner.run(asyncpg.connect(dsn))
        runner.run(holder.execute("BEGIN; LOCK TABLE pipeline IN ACCESS EXCLUSIVE MODE"))
        try:
            yield
        finally:
            runner.run(holder.close())


@contextmanager
def crowd(url: str) -> Iterator[None]:
    """Many ask at once, and again when they are refused."""
    enough = Event()

    def ask() -> None:
        while not enough.is_set():
            assert httpx.get(f"{url}/pipeline", timeout=SECONDS, trust_env=False).status_code in {200, 503}

    with ThreadPoolExecutor(16) as threads:
        asking = [threads.submit(ask) for _ in range(16)]
        try:
            yield
        finally:
            enough.set()
    for each in asking:
        each.result()


@pytest.fixture(scope="module")
def dsn(postgres: Server, template: str) -> Iterator[str]:
    with postgres.database(template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def api(serve: Serve, dsn: str) -> Iterator[Program]:
    with serve(dsn, workers="2", pool_size="2") as api:
        yield api


def test_each_process_of_a_server_and_of_a_worker_is_told_of(
    dsn: str, broker: Broker, api: Program, tmp_path: Path
) -> None:
    jobs = bus.jobs(Settings(broker_url=SecretStr(broker.url)))
    assert isinstance(jobs, CeleryJobs)
    own = {"database_url": dsn, "broker_url": broker.url, "worker_concurrency": "1"}
    with program(tmp_path / "log", "worker", port=None, **own) as worker:
        jobs.announce(Job.CHECK_FRESHNESS)

        def all_are_connected() -> bool:
            assert worker.process.poll() is None, worker.log
            httpx.get(f"{api.url}/pipeline", timeout=SECONDS, trust_env=False)
            return len(pids(dsn, "api")) == 2 and len(pids(dsn, "worker")) == 1

        until(all_are_connected, SECONDS, "all are connected")
        (finding,) = told(database_url=dsn, broker_url=broker.url)
        assert finding["verdict"] == "ok"
        assert pids(dsn, "api") == {each.pid for each in api.children()}
        (at_work,) = pids(dsn, "worker")
        assert at_work in {each.pid for each in worker.tree()}
        for pid in pids(dsn, "api"):
            assert re.search(rf"api {pid}(\.\d+)?@\S+: [12] of 2, {BUSY};", finding["detail"])
        assert re.search(rf"worker {at_work}(\.\d+)?@\S+: [12] of 2, {BUSY};", finding["detail"])
        assert re.search(r"; at most \d+ together.*, of \d+ that the server admits$", finding["detail"])
    jobs.close()


def test_a_server_whose_pools_are_exhausted_is_named_as_long_as_they_are(dsn: str, api: Program) -> None:
    found: list[dict[str, str]] = []

    def is_exhausted() -> bool:
        found[:] = told(database_url=dsn)
        return len(found) > 1

    with crowd(api.url), locked(dsn):
        until(is_exhausted, SECONDS, "a pool is exhausted")
    assert [each["verdict"] for each in found] == ["ok", "warning"]
    exhausted = re.findall(r"api (\d+)(?:\.\d+)?@\S+ \(2\)", found[1]["detail"])
    assert {int(each) for each in exhausted} <= {each.pid for each in api.children()}
    assert re.search(rf"api {exhausted[0]}(\.\d+)?@\S+: 2 of 2, 2 busy", found[0]["detail"])
    assert "WATCHER_POOL_SIZE" in found[1]["advice"]
    until(lambda: not is_exhausted(), SECONDS, "none is exhausted")


async def test_a_pool_is_exhausted_while_all_it_may_have_are_taken(fresh_database: str) -> None:
    deadline = time.monotonic() + SECONDS
    database = Database(fresh_database, pool_size=2, program="mine")
    async with database.transaction() as first:
        await first.row(ONE)
        async with database.transaction() as second:
            await second.row(ONE)
            overview, exhausted = await examined(fresh_database)
            assert exhausted.verdict is Verdict.WARNING
            assert re.search(rf"mine {os.getpid()}\.?\d*@\S+: 2 of 2, 2 busy;", overview.detail)
        (overview,) = await examined(fresh_database)
        assert re.search(rf"mine {os.getpid()}\.?\d*@\S+: 2 of 2, 1 busy;", overview.detail)
    await database.close()
    while "mine" in (await examined(fresh_database))[0].detail:  # until the server has noticed
        assert time.monotonic() < deadline


async def test_the_pools_of_one_process_are_told_apart(fresh_database: str) -> None:
    pools = [Database(fresh_database, pool_size=size, program="mine") for size in (3, 3)]
    for each in pools:
        await each.row(ONE)
    (overview,) = await examined(fresh_database)
    owners = re.findall(r"(mine \S+)@\S+: 1 of 3", overview.detail)
    assert len(set(owners)) == 2
    for each in pools:
        await each.close()


async def test_an_embedding_program_and_a_migration_are_named_too(fresh_database: str) -> None:
    async with open_watcher(fresh_database, pool_size=2) as watcher:
        await watcher.pipelines.page(Page())
        assert os.getpid() in await asyncio.to_thread(pids, fresh_database, "embedded")
    other = await asyncpg.connect(fresh_database)
    await other.execute(f"SELECT pg_advisory_lock({LOCK})")
    deadline = time.monotonic() + SECONDS
    migration = asyncio.create_task(migrate(fresh_database))
    while os.getpid() not in await asyncio.to_thread(pids, fresh_database, "migrate"):
        assert not migration.done()
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await other.close()
    await migration


async def test_behind_a_pooler_all_have_one_name(fresh_database: str) -> None:
    with pooled(fresh_database) as pooler:
        clients = [Database(pooler, pool_size=4, pooled=True, program="mine") for _ in range(2)]
        await asyncio.gather(*(each.row(SLEEP) for each in clients for _ in range(4)))
        named = [each for each in await asyncio.to_thread(names, fresh_database) if each]
        assert set(named) == {"watcher"}
        (beside,) = await examined(fresh_database)
        assert f"{len(named)} more have no process's name, as behind a pooler" in beside.detail
        (behind,) = await examined(pooler, pooled=True)
        assert "behind the pooler pools are not seen one by one" in behind.detail
        assert (beside.verdict, behind.verdict) == (Verdict.OK, Verdict.OK)
        for each in clients:
            await each.close()


async def test_who_may_not_see_what_others_do_says_so(postgres: Server, fresh_database: str) -> None:
    role = Role(f"role_{uuid4().hex[:8]}")
    await execute(
        fresh_database,
        f"CREATE ROLE {role.name} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.name}",
    )
    database = Database(fresh_database, pool_size=1, program="mine")
    try:
        async with database.transaction() as transaction:
            await transaction.row(ONE)
            (overview,) = await examined(role.dsn(fresh_database))
            assert re.search(
                r"mine \S+: 1 of 1, this role may not see how many are busy;", overview.detail
            ), overview
            await execute(postgres.dsn, f"GRANT pg_read_all_stats TO {role.name}")
            assert len(await examined(role.dsn(fresh_database))) == 2
    finally:
        await database.close()
        await execute(fresh_database, f"DROP OWNED BY {role.name}", f"DROP ROLE {role.name}")
