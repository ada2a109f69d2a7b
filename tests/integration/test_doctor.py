"""`watcher doctor` on real servers, well and ill.

`WATCHER_WRITE_SCHEMA=1 pytest tests/integration/test_doctor.py -k lines` writes `migrations/schema.txt` anew, which is to be
done whenever a migration is added.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from typer.testing import CliRunner

from tests.broker import Broker, private_broker
from tests.integration.programs import free_port
from tests.server import execute, fetch
from watcher.adapters.postgres.exams import SQL, expected_objects
from watcher.adapters.postgres.schema import migrations
from watcher.domain.diagnosis import Verdict
from watcher.entrypoints.cli import app


class Said:
    """What `watcher doctor` said, and how it ended."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        without = dict.fromkeys((name for name in os.environ if name.startswith("WATCHER_")), None)
        environment = {f"WATCHER_{name.upper()}": value for name, value in settings.items()}
        run = CliRunner().invoke(
            app, ["doctor", *arguments], env=without | environment | {"NO_COLOR": "1", "COLUMNS": "160"}
        )
        assert isinstance(run.exception, SystemExit | None), run.exception
        self.code, self.text, self.errors = run.exit_code, run.stdout, run.stderr

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def about(self, topic: str) -> dict[str, Any]:
        """The first finding of the topic, the worst one where there are several."""
        order = [verdict.value for verdict in Verdict]
        found = [each for each in self.json["findings"] if each["topic"] == topic]
        assert found, self.text
        return max(found, key=lambda each: order.index(each["verdict"]))


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `.env` in the working directory takes no part."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def redis() -> Iterator[Broker]:
    with private_broker(free_port()) as broker:
        yield broker


def ticking(dsn: str) -> None:
    """As a Watcher at work leaves it."""
    asyncio.run(
        execute(
            dsn,
            "INSERT INTO job_tick VALUES ('monitor_queues', CURRENT_TIMESTAMP, 'one', CURRENT_TIMESTAMP)",
            "UPDATE timeliness_upkeep SET checked_to = CURRENT_TIMESTAMP",
        )
    )


def test_the_lines_of_the_schema_are_those_that_the_migrations_make(fresh_database: str) -> None:
    rows = asyncio.run(fetch(fresh_database, SQL["objects"].sql))
    lines = sorted(f"{name} {definition}".rstrip() for name, definition in rows)
    if os.environ.get("WATCHER_WRITE_SCHEMA"):
        (migrations() / "schema.txt").write_text("\n".join(lines) + "\n")
    told = [f"{name} {definition}".rstrip() for name, definition in expected_objects().items()]
    assert sorted(told) == lines, "write it anew, as the head of this file says"


def test_of_a_watcher_that_is_well_it_says_so(fresh_database: str) -> None:
    ticking(fresh_database)
    said = Said(
        "--json", "--strict", database_url=fresh_database, alert_channels="name=x url=jsons://localhost"
    )
    unwell = [each for each in said.json["findings"] if each["verdict"] != "ok"]
    # The servers of tests are not durable.
    assert [each["topic"] for each in unwell if each["topic"] != "durability"] == [], unwell
    topics = {each["topic"] for each in said.json["findings"]}
    assert topics >= {
        "Watcher",
        "Python",
        "PostgreSQL",
        "migrations",
        "connections",
        "clock",
        "locks",
        "size",
    }
    assert all(each["advice"] for each in unwell)
    assert said.code == (1 if unwell else 0)
    assert Said(database_url=fresh_database).code == 0


def test_what_was_never_started_is_no_reason_for_alarm(fresh_database: str) -> None:
    said = Said("--json", database_url=fresh_database, alert_channels="name=x url=jsons://localhost")
    for topic in ("beat", "sweep"):
        assert said.about(topic)["verdict"] == "ok"
        assert "nothing was started on this database yet" in said.about(topic)["detail"]
    assert said.code == 0


RUN = (
    "INSERT INTO pipeline_type (name, name_key, created_at) VALUES ('load', 'load', '2026-01-01')",
    (
        "INSERT INTO pipeline (name, name_key, declaration, pipeline_type_id, created_at) "
        "SELECT 'orders', 'orders', '', t.id, '2026-01-01' FROM pipeline_type AS t"
    ),
    "INSERT INTO pipeline_execution (pipeline_id, start_date) SELECT p.id, '2026-01-01' FROM pipeline AS p",
)
"""Somebody records runs."""


def test_a_table_is_for_people(fresh_database: str) -> None:
    asyncio.run(execute(fresh_database, *RUN))
    said = Said(database_url=fresh_database)
    assert re.search(r"warning\W+beat\W+No tick of the schedule is taken", said.text)
    assert "Run `watcher beat`" in said.text


def test_without_its_database_it_says_so_in_a_sentence(fresh_database: str) -> None:
    nowhere = f"postgresql://watcher:hidden@127.0.0.1:{free_port()}/watcher"
    said = Said("--json", database_url=nowhere)
    assert said.code == 2
    assert said.about("database")["verdict"] == "failed"
    assert "not available" in said.about("database")["detail"]
    unknown = said.about("migrations, beat, sweep")
    assert (unknown["verdict"], unknown["detail"]) == (
        "warning",
        "It is not known while the database is away.",
    )
    assert said.text.count("It is not known") == 1
    assert "hidden" not in said.text + said.errors
    assert Said(database_url=f"{fresh_database}_gone").code == 2


def test_advice_is_about_what_went_wrong(fresh_database: str) -> None:
    named = urlsplit(fresh_database)
    database = named.path.removeprefix("/")
    gone = Said("--json", database_url=fresh_database.replace(f"/{database}", f"/{database}_gone"))
    creation = (
        f'CREATE DATABASE "{database}_gone" OWNER "{named.username}" TEMPLATE template0 ENCODING \'UTF8\''
    )
    assert creation in gone.about("database")["advice"]
    refused = Said("--json", database_url=f"postgresql://watcher:hidden@127.0.0.1:{free_port()}/watcher")
    assert refused.about("database")["advice"].startswith("Nothing listens there. Start PostgreSQL")
    unknown = Said("--json", database_url="postgresql://watcher:hidden@no.such.host.invalid/watcher")
    assert unknown.about("database")["advice"].startswith("No machine is known by the host's name.")
    asyncio.run(execute(fresh_database, "UPDATE schema_version SET version_num = '9999'"))
    newer = Said("--json", database_url=fresh_database)
    assert newer.about("migrations")["advice"].startswith("Run the newer Watcher")


def test_advice_names_the_url_that_was_used(fresh_database: str) -> None:
    closed = f"postgresql://watcher@127.0.0.1:{free_port()}/watcher"
    option = Said("--json", "--database-url", closed, database_url=fresh_database)
    assert "mend host and port in --database-url;" in option.about("database")["advice"]
    pooler = Said("--json", database_url=fresh_database, pooler_url=closed)
    assert (
        "Start PgBouncer, or mend host and port in WATCHER_POOLER_URL;" in pooler.about("database")["advice"]
    )
    assert "WATCHER_DATABASE_URL" not in option.text + pooler.text
    replica = Said("--json", database_url=fresh_database, replica_url=closed)
    assert replica.about("replica")["advice"].startswith("See WATCHER_REPLICA_URL")
    assert "WATCHER_DATABASE_URL" not in replica.text


def test_exit_codes_are_told() -> None:
    text = " ".join(CliRunner().invoke(app, ["doctor", "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert (
        "Exit codes: 0 where nothing failed, 1 where there are warnings, with --strict only, 2 where" in text
    )


def test_without_settings_it_says_where_to_set_them() -> None:
    said = Said()
    assert said.code == 2
    assert "WATCHER_DATABASE_URL" in said.errors
    assert Said(port="none").code == 2
    assert Said("--data-dir", "/nowhere/at/all").code == 2


def test_a_schema_that_was_changed_by_hand_is_noticed(fresh_database: str) -> None:
    asyncio.run(
        execute(
            fresh_database,
            "DROP INDEX alert_by_kind",
            "ALTER TABLE alert DROP CONSTRAINT alert_severity_known",
            "ALTER TABLE pipeline ADD COLUMN owner TEXT",
            "CREATE TABLE somebody_elses (id INTEGER PRIMARY KEY)",
            "CREATE INDEX odd ON pipeline (id)",
            "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'odd'::REGCLASS",
        )
    )
    said = Said("--json", database_url=fresh_database)
    assert said.code == 2
    told = [each for each in said.json["findings"] if each["topic"] == "schema"]
    assert [each["detail"] for each in told] == [
        "missing: constraint alert.alert_severity_known, index alert.alert_by_kind",
        "added: column pipeline.owner text, index pipeline.odd",
    ]
    assert said.about("indexes")["detail"] == "invalid: odd"
    assert "REINDEX INDEX CONCURRENTLY odd" in said.about("indexes")["advice"]


def test_an_outdated_schema_is_looked_into_no_further(fresh_database: str) -> None:
    asyncio.run(execute(fresh_database, "UPDATE schema_version SET version_num = '0001'"))
    said = Said("--json", database_url=fresh_database)
    assert said.code == 2
    assert "watcher migrate" in said.about("migrations")["detail"]
    assert said.about("database")["verdict"] == "ok"
    assert said.about("beat, sweep")["detail"] == "It is not known without a schema of this revision."
    assert not [each for each in said.json["findings"] if each["topic"] == "schema"]


async def test_who_waits_for_a_lock_is_named_with_who_holds_it(fresh_database: str) -> None:
    holder, waiter = await asyncpg.connect(fresh_database), await asyncpg.connect(fresh_database)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE pipeline")
            pids = holder.get_server_pid(), waiter.get_server_pid()
            waiting = asyncio.create_task(waiter.execute("SELECT FROM pipeline"))
            found = None
            for _ in range(10):
                await asyncio.sleep(1)
                found = await asyncio.to_thread(lambda: Said("--json", database_url=fresh_database))
                if found.about("locks")["verdict"] == "warning":
                    break
        await waiting
    finally:
        await holder.close()
        await waiter.close()
    assert found is not None
    assert re.fullmatch(rf"process {pids[1]} waits since \d+ s for {pids[0]}", found.about("locks")["detail"])


def test_settings_that_contradict_the_database_are_named(fresh_database: str) -> None:
    said = Said("--json", database_url=fresh_database, pool_size="500", database_timeout="40")
    told = [each["detail"] for each in said.json["findings"] if each["topic"] == "settings"]
    assert said.code == 2
    assert any("up to 1000 connections" in each for each in told)
    assert any(each.startswith("WATCHER_GRACEFUL_TIMEOUT is 30 s") for each in told)


def test_a_broker_is_looked_into(fresh_database: str, redis: Broker) -> None:
    with redis.client() as client:
        client.rpush("celery", b"not a message")
        client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        said = Said("--json", database_url=fresh_database, broker_url=redis.url)
    finally:
        with redis.client() as client:
            client.delete("celery")
    assert said.code == 2
    verdicts = {each["topic"]: each["verdict"] for each in said.json["findings"]}
    assert {topic: verdicts[topic] for topic in ("broker", "broker memory", "broker persistence")} == {
        "broker": "ok", "broker memory": "warning", "broker persistence": "ok",
    }  # fmt: skip
    assert (verdicts["queues"], verdicts["workers"]) == ("failed", "failed")
    assert said.about("queues")["detail"].startswith("1 pending (celery 1, scheduled 0)")


def test_a_broker_that_is_away_is_told_without_its_password(fresh_database: str) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"
    said = Said("--json", database_url=fresh_database, broker_url=url)
    assert said.code == 2
    assert said.about("broker")["verdict"] == "failed"
    assert said.about("broker")["detail"] == "The broker is not available: nothing listens there."
    assert said.about("broker")["advice"].startswith("Start the broker")
    assert "hidden" not in said.text + said.errors
