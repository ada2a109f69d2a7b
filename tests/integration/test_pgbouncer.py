"""Watcher through PgBouncer in transaction mode, where each transaction may meet another session."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.contract.world import NOON, declaration
from tests.integration.conftest import Serve
from tests.integration.pgbouncer import SERVER_CONNECTIONS, pooled
from tests.integration.programs import Program, program
from tests.plain import PLAIN
from tests.server import Server, fetch
from watcher.adapters.postgres.connections import SERVER_SETTINGS
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.pipelines import PostgresPipelines
from watcher.adapters.postgres.queries import Query
from watcher.adapters.postgres.schema import newest
from watcher.domain.errors import StoreBusy

CLIENTS = 16
TURNS = 5
BULK = 2_000
DAWN = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = Query.parsed("shown", "SELECT current_setting(:name) AS value, pg_backend_pid() AS session")


@pytest.fixture
def pooler(fresh_database: str) -> Iterator[str]:
    with pooled(fresh_database) as dsn:
        yield dsn


async def test_every_statement_has_its_terms_in_whatever_session_it_meets(pooler: str) -> None:
    database = Database(pooler, pool_size=8, timeout=4.0, pooled=True)
    expected = SERVER_SETTINGS | {"lock_timeout": "2s"}
    for name, value in expected.items():
        shown = await asyncio.gather(*(database.row(SHOWN, name=name) for _ in range(40)))
        assert {row["value"] for row in shown if row is not None} == {value}
    async with database.transaction() as transaction, database.snapshot() as snapshot:
        for each in (transaction, snapshot):
            found = await each.row(SHOWN, name="lock_timeout")
            assert found is not None
            assert found["value"] == "2s"
    await database.close()


async def test_nothing_of_them_stays_behind_in_a_session(pooler: str) -> None:
    database = Database(pooler, pool_size=8, pooled=True)
    await asyncio.gather(*(database.row(SHOWN, name="jit") for _ in range(40)))
    await database.close()
    stranger = await asyncpg.connect(pooler, statement_cache_size=0)
    assert await stranger.fetchval("SHOW plan_cache_mode") == "auto"
    assert await stranger.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
    await stranger.close()


async def test_a_held_row_is_given_up_there_too(fresh_database: str, pooler: str) -> None:
    database = Database(pooler, timeout=1.0, pooled=True)
    pipelines = PostgresPipelines(database)
    await pipelines.declare([declaration("held")], NOON)
    holder = await asyncpg.connect(fresh_database)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM pipeline FOR UPDATE")
            with pytest.raises(StoreBusy):
                await pipelines.declare([declaration("held", pipeline_metadata={"kept": True})], NOON)
    finally:
        await holder.close()
    await database.close()


class Client:
    """One of many at once: declares, starts, ends, asks; every answer has to be a success."""

    def __init__(self, http: httpx.AsyncClient, number: int) -> None:
        self._http = http
        self._name = f"pooled {number}"
        self.acknowledged = 0

    async def run(self) -> None:
        for turn in range(TURNS):
            await self._turn(turn, (DAWN + timedelta(minutes=turn)).isoformat())

    async def _turn(self, turn: int, at: str) -> None:
        described = {"name": self._name, "pipeline_type_name": "load", "next_watermark": str(turn)}
        pipeline = await self._sent("/pipeline", described | {"pipeline_metadata": {"turn": turn // 3}})
        start = {"pipeline_id": pipeline["id"], "start_date": at, "external_id": f"{turn}"}
        run = await self._sent("/start_pipeline_execution", start)
        address = {"address_type_name": "postgresql", "address_type_group_name": "database"}
        lineage = {
            "pipeline_id": pipeline["id"],
            "source_addresses": [address | {"name": f"shared.{turn % 4}"}],
            "target_addresses": [address | {"name": f"{self._name}.{turn % 2}"}],
        }
        await self._sent("/address_lineage", lineage)
        end = {"id": run["id"], "end_date": at, "completed_successfully": True, "inserts": 1}
        await self._sent("/end_pipeline_execution", end)
        self.acknowledged += 1
        if turn % 4 == 0:
            await self._sent("/freshness", {})
            await self._sent("/timeliness", {})
        await self._asked(f"/pipeline_execution/{run['id']}")
        await self._asked("/report/daily_pipeline")

    async def _sent(self, path: str, body: dict[str, Any]) -> Any:
        return self._good(await self._http.post(path, json=body))

    async def _asked(self, path: str) -> None:
        self._good(await self._http.get(path))

    @staticmethod
    def _good(answer: httpx.Response) -> Any:
        assert answer.is_success, (answer.request.url, answer.status_code, answer.text)
        return answer.json() if answer.content else None


async def work(api: Program) -> list[Client]:
    async with httpx.AsyncClient(base_url=api.url, timeout=60, trust_env=False, verify=PLAIN) as http:
        clients = [Client(http, number) for number in range(CLIENTS)]
        records = [
            {
                "pipeline_id": 1,
                "start_date": (DAWN + timedelta(seconds=n)).isoformat(),
                "end_date": (DAWN + timedelta(seconds=n + 1)).isoformat(),
                "completed_successfully": True,
            }
            for n in range(BULK)
        ]
        first = await http.post("/pipeline", json={"name": "bulk", "pipeline_type_name": "load"})
        assert first.json()["id"] == 1

        async def backfill() -> None:
            answer = await http.post("/pipeline_execution/bulk", json={"executions": records})
            assert answer.is_success, answer.text

        await asyncio.gather(backfill(), *(client.run() for client in clients))
        return clients


async def test_many_clients_at_once_are_served_over_few_connections(
    fresh_database: str, pooler: str, serve: Serve
) -> None:
    served: AbstractContextManager[Program] = serve(
        fresh_database, pooler_url=pooler, workers="2", pool_size="8"
    )
    with served as api:
        clients = await work(api)
        ((sessions,),) = await fetch(
            fresh_database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
    assert isinstance(sessions, int)
    assert 0 < sessions <= SERVER_CONNECTIONS
    ((ended, watermarks),) = await fetch(
        fresh_database,
        """
        SELECT (SELECT count(*) FROM pipeline_execution WHERE end_date IS NOT NULL),
            (SELECT count(*) FROM pipeline WHERE watermark = $1)
        """,
        f"{TURNS - 1}",
    )
    assert ended == BULK + sum(client.acknowledged for client in clients)
    assert watermarks == CLIENTS


async def test_without_being_told_of_the_pooler_watcher_does_not_get_through_it(pooler: str) -> None:
    """Which shows that the pooler of these tests is one: what a session is told at its start, it refuses."""
    database = Database(pooler)
    with pytest.raises(Exception, match="unsupported startup parameter"):
        await database.row(SHOWN, name="jit")
    await database.close()


def test_what_is_migrated_is_the_database_itself(postgres: Server, tmp_path: Path) -> None:
    """`watcher migrate` keeps a lock for the length of its session."""
    nowhere = "postgresql://watcher@127.0.0.1:1/nowhere"
    with (
        postgres.database() as dsn,
        program(tmp_path / "log", "migrate", database_url=dsn, pooler_url=nowhere) as migration,
    ):
        assert migration.exit_code(60) == 0, migration.log
        assert asyncio.run(fetch(dsn, "SELECT version_num FROM schema_version")) == [(newest(),)]
