"""Reading on a streaming replica: as true as on the primary, whatever becomes of the replica."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.integration.conftest import Serve
from tests.integration.programs import until
from tests.integration.standbys import Pair, execute, streaming
from watcher.adapters.postgres import replica as module
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.migrate import migrate
from watcher.adapters.postgres.queries import Query
from watcher.domain.diagnosis import Verdict
from watcher.domain.diagnosis_replica import BEHIND_BYTES, ReplicaFacts, judged
from watcher.domain.errors import StoreUnavailable

WHERE = Query.parsed("where", "SELECT pg_is_in_recovery() AS replica")
COUNT = Query.parsed("count", "SELECT count(*) AS rows, pg_is_in_recovery() AS replica FROM noted")
NOTE = Query.parsed("note", "INSERT INTO noted DEFAULT VALUES")
SLEEP = Query.parsed("sleep", "SELECT pg_sleep(:seconds::FLOAT8), pg_is_in_recovery() AS replica")
READERS = """
    SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'watcher %' AND query NOT LIKE '%pg_last_wal%'"""
TURNS = 200
QUESTIONS = (
    "/pipeline",
    "/pipeline?name=p1",
    "/pipeline_type",
    "/pipeline_execution",
    "/pipeline_execution/1",
    "/pipeline_execution?pipeline_id=1&after=1",
    "/address",
    "/address?name=a",
    "/address?name_contains=a",
    "/address?type=t",
    "/address_type",
    "/address_lineage?name=a",
    "/address_lineage/path?from=1&to=2",
    "/address/1/impact",
    "/pipeline/1/lineage",
    "/freshness_log",
    "/timeliness_log",
    "/anomaly_detection_rule",
    "/anomaly_detection_result",
    "/anomaly_incident",
    "/alert",
    "/alert_delivery",
    "/report/daily_pipeline",
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Pair]:
    with streaming() as pair:
        asyncio.run(migrate(pair.primary.dsn))
        asyncio.run(execute(pair.primary.dsn, "CREATE TABLE noted (id BIGSERIAL)"))
        yield pair


@pytest.fixture
def pair(shared: Pair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(module, "BEHIND_SECONDS", 0.05)
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.05)
    yield shared
    shared.follow()
    shared.resume()


@contextmanager
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    found: list[str] = []
    with caplog.at_level(logging.INFO, logger=module.__name__):
        caplog.clear()
        yield found
        found += [record.getMessage() for record in caplog.records if record.name == module.__name__]


async def is_read(database: Database) -> bool:
    return bool((await database.read(WHERE))[0]["replica"])


async def is_read_again(database: Database) -> None:
    for _ in range(1_000):
        if await is_read(database):
            return
        await asyncio.sleep(0.05)
    pytest.fail("it is not read again")


async def test_what_was_written_is_read_at_once_and_on_the_replica(pair: Pair) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)
    before = (await database.rows(COUNT))[0]["rows"]
    places = []
    for turn in range(1, TURNS + 1):
        await database.rows(NOTE)
        (row,) = await database.read(COUNT)
        assert row["rows"] == before + turn
        places.append(row["replica"])
    assert sum(places) > TURNS / 2  # on a machine with much else to do it may fall behind now and again
    assert not (await database.rows(COUNT))[0]["replica"]
    await database.close()


async def test_many_who_ask_at_once_each_see_what_was_written_before_they_asked(pair: Pair) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)
    written = (await database.rows(COUNT))[0]["rows"]

    async def ask() -> bool:
        known = written
        (row,) = await database.read(COUNT)
        return bool(row["rows"] >= known)

    asked: list[asyncio.Task[bool]] = []
    for _ in range(TURNS):
        await database.rows(NOTE)
        written += 1
        asked += [asyncio.create_task(ask()) for _ in range(3)]
    assert all(await asyncio.gather(*asked))
    await database.close()


async def test_a_replica_that_is_behind_is_not_read(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)
    before = (await database.rows(COUNT))[0]["rows"]
    with told(caplog) as lines:
        await asyncio.to_thread(pair.pause)
        for turn in range(1, 11):
            await database.rows(NOTE)
            (row,) = await database.read(COUNT)
            assert (row["rows"], row["replica"]) == (before + turn, False)
            async with database.reading() as snapshot:
                assert (await snapshot.rows(COUNT))[0]["rows"] == before + turn
            await asyncio.sleep(0.06)
        await asyncio.to_thread(pair.resume)
        await is_read_again(database)
    assert lines == [
        "The replica is not read from for now, but the primary: it is more than 0.1 s behind.",
        "The replica is read from again.",
    ]
    await database.close()


async def test_a_replica_that_is_killed_fails_no_question(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)
    with told(caplog) as lines:
        asked = [asyncio.create_task(database.read(SLEEP, seconds=0.5)) for _ in range(8)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(pair.kill)
        assert [row["replica"] for (row,) in await asyncio.gather(*asked)] == [False] * 8
        assert not await is_read(database)
        await asyncio.to_thread(pair.follow)
        await is_read_again(database)
    assert len(lines) == 2, lines
    await database.close()


async def test_who_asks_does_not_wait_for_a_replica_that_hangs(pair: Pair) -> None:
    """But for one at a time, who finds out whether it still does."""
    database = Database(pair.primary.dsn, replica=pair.standby.dsn, timeout=1.0)
    await is_read_again(database)

    async def asked() -> float:
        began = time.monotonic()
        await database.read(WHERE)
        return time.monotonic() - began

    with pair.frozen():
        await asyncio.gather(*(asked() for _ in range(20)))
        await asyncio.sleep(module.AWAY_SECONDS)
        waits = sorted(await asyncio.gather(*(asked() for _ in range(20))))
    assert waits[-2] < 0.5
    await database.close()


async def test_a_replica_of_which_nothing_is_asked_but_another_segment_is_read(pair: Pair) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)
    await database.rows(NOTE)
    await execute(pair.primary.dsn, "SELECT pg_switch_wal()")
    await is_read_again(database)
    await database.close()


async def test_a_snapshot_that_the_replica_breaks_off_is_refused_for_now(pair: Pair) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)

    async def asked() -> None:
        async with database.reading() as snapshot:
            assert (await snapshot.rows(WHERE))[0]["replica"]
            await asyncio.to_thread(pair.kill)
            await snapshot.rows(WHERE)

    with pytest.raises(StoreUnavailable):
        await asked()
    async with database.reading() as snapshot:
        assert not (await snapshot.rows(WHERE))[0]["replica"]
    await database.close()


async def test_a_database_that_is_no_replica_of_ours_is_not_read(
    pair: Pair, fresh_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(pair.primary.dsn, replica=fresh_database)
    with told(caplog) as lines:
        (row,) = await database.read(COUNT)
        assert not row["replica"]
    (line,) = lines
    assert line.endswith("it follows another database, see WATCHER_REPLICA_URL.")
    await database.close()


async def test_nothing_is_written_on_the_way_to_the_replica(pair: Pair) -> None:
    database = Database(pair.primary.dsn, replica=pair.standby.dsn)
    await is_read_again(database)
    before = (await database.rows(COUNT))[0]["rows"]
    await database.read(NOTE)  # refused by the replica, so done on the primary, once
    assert (await database.rows(COUNT))[0]["rows"] == before + 1
    await database.close()


async def test_the_doctor_tells_how_the_replica_is(pair: Pair, fresh_database: str) -> None:
    async def found(replica: str) -> tuple[Verdict, str]:
        database = Database(pair.primary.dsn, replica=replica)
        assert database.replica is not None
        finding = judged(await database.replica.examined())
        await database.close()
        return finding.verdict, finding.detail

    verdict, detail = await found(pair.standby.dsn)
    assert (verdict, detail.partition(" ms, ")[0][:15]) == (Verdict.OK, "answers within ")
    assert await found(fresh_database) == (
        Verdict.FAILED,
        "what WATCHER_REPLICA_URL leads to is no replica of this database",
    )
    await asyncio.to_thread(pair.kill)
    verdict, detail = await found(pair.standby.dsn)
    assert verdict is Verdict.WARNING
    assert "Error" in detail


def test_far_behind_is_a_warning() -> None:
    far = ReplicaFacts(answer_seconds=0.001, is_kin=True, follows=True, behind_bytes=BEHIND_BYTES)
    assert judged(far).detail == "answers within 1.0 ms, 64.0 MiB behind"
    assert judged(far).verdict is Verdict.WARNING
    assert judged(replace(far, follows=False)).verdict is Verdict.FAILED


async def test_a_replica_that_was_promoted_is_not_read() -> None:
    with streaming() as pair:
        database = Database(pair.primary.dsn, replica=pair.standby.dsn)
        await is_read_again(database)
        await execute(pair.standby.dsn, "SELECT pg_promote()")
        await execute(pair.standby.dsn, "CREATE TABLE another_story AS SELECT generate_series(1, 10_000)")
        assert not await is_read(database)
        await database.close()


def test_every_question_has_the_answer_of_the_primary(pair: Pair, serve: Serve) -> None:
    declared = {
        "pipeline_id": 1,
        "source_addresses": [{"name": "a", "address_type_name": "t", "address_type_group_name": "g"}],
        "target_addresses": [{"name": "b", "address_type_name": "t", "address_type_group_name": "g"}],
    }
    with serve(pair.primary.dsn, workers="1") as plain, plain.client() as client:
        for name in ("p1", "p2"):
            assert client.post("/pipeline", json={"name": name, "pipeline_type_name": "t"}).is_success
            start = {"pipeline_id": 1, "start_date": "2026-01-01T00:00:00Z"}
            assert client.post("/start_pipeline_execution", json=start).is_success
        assert client.post("/address_lineage", json=declared).is_success
        assert client.post("/timeliness", json={"lookback_minutes": 60}).is_success
        with (
            serve(pair.primary.dsn, replica_url=pair.standby.dsn) as replicated,
            replicated.client() as other,
        ):

            def answered_by_the_replica() -> bool:
                for question in QUESTIONS:
                    expected, found = client.get(question), other.get(question)
                    assert expected.status_code == 200, (question, expected.text)
                    assert found.json() == expected.json()
                return bool(asyncio.run(execute(pair.standby.dsn, READERS)))

            until(answered_by_the_replica, 60, "the replica is read")
            for turn in range(50):
                name = f"again {turn}"
                made = other.post("/pipeline", json={"name": name, "pipeline_type_name": "t"}).json()["id"]
                assert [each["id"] for each in other.get("/pipeline", params={"name": name}).json()] == [made]
