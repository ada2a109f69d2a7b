"""Every way to the newest schema ends at the same one."""

from asyncio import gather
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.catalog import CONSTRAINTS, INDEXES, catalog
from tests.server import Server, execute, fetch
from watcher.adapters.postgres.database import Database
from watcher.adapters.postgres.migrate import migrate, script
from watcher.adapters.postgres.schema import PostgresProbes, migrations, newest
from watcher.domain.errors import StoreUnavailable

REVISIONS = sorted(path.name.split("_")[0] for path in migrations().glob("versions/[0-9]*.py"))
ROWS = {
    "0001": """
        INSERT INTO pipeline_type (name, name_key, created_at) VALUES ('load', 'load', '2026-01-01');
        INSERT INTO pipeline (name, name_key, declaration, pipeline_type_id, created_at)
        SELECT n, n::TEXT::BYTEA, '', t.id, '2026-01-01'
        FROM generate_series(1, 9) AS n, pipeline_type AS t
    """,
    "0002": """
        INSERT INTO pipeline_execution (pipeline_id, start_date, end_date, completed_successfully, total_rows)
        SELECT p.id, '2026-01-01', '2026-01-02', TRUE, 5
        FROM pipeline AS p
    """,
    "0003": """
        INSERT INTO address_type (name, name_key, group_name, group_key, declaration, created_at)
        VALUES ('postgres', 'postgres', 'database', 'database', '', '2026-01-01');
        INSERT INTO address (name, name_key, name_folded, declaration, address_type_id, created_at)
        SELECT n, n::TEXT::BYTEA, n, '', t.id, '2026-01-01'
        FROM generate_series(1, 9) AS n, address_type AS t
    """,
}


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The DSN of a database without any schema."""
    with postgres.database() as dsn:
        yield dsn


async def written(dsn: str) -> list[tuple[object, ...]]:
    """The revision on record and the transaction that wrote it."""
    return await fetch(dsn, "SELECT version_num, xmin::TEXT, ctid::TEXT FROM schema_version")


def test_the_revisions_are_numbered_without_a_gap() -> None:
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert newest() == REVISIONS[-1]


async def test_step_by_step_with_rows_is_the_same_as_all_at_once(empty: str, fresh_database: str) -> None:
    for revision in REVISIONS:
        await migrate(empty, revision=revision)
        assert [row[0] for row in await written(empty)] == [revision]
        await execute(empty, ROWS.get(revision, "SELECT"))
    assert await catalog(empty) == await catalog(fresh_database)
    assert await fetch(empty, "SELECT count(*) FROM pipeline_execution") == [(9,)]


async def test_migrating_again_does_nothing(fresh_database: str) -> None:
    before = await catalog(fresh_database), await written(fresh_database)
    await migrate(fresh_database)
    assert (await catalog(fresh_database), await written(fresh_database)) == before


async def test_three_at_once_migrate_once(empty: str, fresh_database: str) -> None:
    await gather(*(migrate(empty) for _ in range(3)))
    assert await catalog(empty) == await catalog(fresh_database)
    assert len(await written(empty)) == 1


async def test_the_script_makes_the_same_schema(empty: str, fresh_database: str) -> None:
    await execute(empty, script())
    assert await catalog(empty) == await catalog(fresh_database)
    before = await written(empty)
    await migrate(empty)
    assert await written(empty) == before


async def test_who_waits_too_long_for_another_migration_is_told(empty: str) -> None:
    database = Database(empty)
    pool = await database.connections.opened()
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock(x'5741544348'::BIGINT)")
        with pytest.raises(StoreUnavailable, match="another migration still runs"):
            await migrate(empty, patience=0.3)
    await database.close()
    assert await fetch(empty, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


async def test_a_database_that_is_not_migrated_is_an_obstacle(empty: str) -> None:
    database = Database(empty)
    (obstacle,) = await PostgresProbes(database).obstacles()
    assert "run `watcher migrate`" in obstacle
    await migrate(empty)
    assert await PostgresProbes(database).obstacles() == []
    await database.close()


async def test_constraints_and_indexes_are_named_after_their_table_and_rule(fresh_database: str) -> None:
    rows = await fetch(fresh_database, CONSTRAINTS) + await fetch(fresh_database, INDEXES)
    names = [(str(table), str(name)) for table, name, _ in rows if table != "schema_version"]
    assert names
    assert [name for table, name in names if not name.startswith(f"{table}_")] == []
    automatic = ("_pkey", "_key", "_fkey", "_check", "_idx", "_excl")
    assert [name for _, name in names if name.rstrip("0123456789").endswith(automatic)] == []


def test_every_migration_has_its_sql() -> None:
    versions = {path.stem for path in migrations().glob("versions/[0-9]*.py")}
    assert {path.stem for path in Path(migrations() / "sql").glob("*.sql")} == versions
