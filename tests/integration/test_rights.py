"""What a role without rights is told, and that the rights which docs/deploying.md names are enough."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.conftest import Serve
from tests.integration.wire import Wire
from tests.server import Server, execute, name_of
from watcher.adapters.postgres.migrate import migrate
from watcher.domain.errors import RightsMissing, StoreUnavailable

PASSWORD = "of-a-test"  # noqa: S105 (of a role that lives as long as a test)
DEPLOYING = (Path(__file__).parents[2] / "docs" / "deploying.md").read_text()


class Role:
    """A role that may log in and nothing else, and how databases are named to it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def dsn(self, administrators: str) -> str:
        parts = urlsplit(administrators)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{self.name}:{PASSWORD}@{host}"))


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    with postgres.database() as dsn:
        yield dsn


@pytest.fixture
async def role(postgres: Server, database: str) -> AsyncIterator[Role]:
    name = f"role_{uuid4().hex[:8]}"
    await execute(postgres.dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield Role(name)
    await execute(database, f"DROP OWNED BY {name}")
    await execute(postgres.dsn, f"DROP ROLE {name}")


async def refused(dsn: str) -> RightsMissing:
    with pytest.raises(RightsMissing) as refusal:
        await migrate(dsn)
    return refusal.value


async def test_the_statements_that_are_told_are_all_that_is_missing(database: str, role: Role) -> None:
    dsn = role.dsn(database)
    missing = await refused(dsn)
    assert "permission denied for schema public" in str(missing)
    assert "not available" not in str(missing)
    assert missing.statements == [
        f"GRANT USAGE, CREATE ON SCHEMA public TO {role.name}",
        f"GRANT CREATE ON DATABASE {name_of(database)} TO {role.name}",
    ]
    assert all(statement in missing.advice for statement in missing.statements)
    await execute(database, missing.statements[0])
    missing = await refused(dsn)
    assert 'extension "pg_trgm"' in str(missing)
    assert len(missing.statements) == 1
    await execute(database, *missing.statements)
    await migrate(dsn)


async def test_of_a_schema_that_is_somebody_elses_its_owner_is_told(database: str, role: Role) -> None:
    await migrate(database)
    missing = await refused(role.dsn(database))
    assert missing.owner == urlsplit(database).username
    assert missing.advice == f"Migrate as the role {missing.owner}, to which the tables belong."


async def test_who_may_not_connect_is_told_what_that_takes(database: str, role: Role) -> None:
    await execute(database, f"REVOKE CONNECT ON DATABASE {name_of(database)} FROM PUBLIC")
    with pytest.raises(StoreUnavailable) as refusal:
        await migrate(role.dsn(database))
    assert "GRANT CONNECT ON DATABASE" in str(refusal.value.advice)


async def test_a_database_that_is_not_there_is_told_with_how_to_make_it(database: str) -> None:
    with pytest.raises(StoreUnavailable) as refusal:
        await migrate(urlunsplit(urlsplit(database)._replace(path="/no_such_watcher")))
    assert _creation(database, '"no_such_watcher"') in str(refusal.value.advice)


async def test_a_database_of_another_encoding_is_told_with_how_to_make_one(
    postgres: Server, database: str
) -> None:
    other = f"{name_of(database)}_ascii"
    await execute(postgres.dsn, f"CREATE DATABASE {other} TEMPLATE template0 ENCODING 'SQL_ASCII'")
    try:
        with pytest.raises(StoreUnavailable, match="SQL_ASCII") as refusal:
            await migrate(urlunsplit(urlsplit(database)._replace(path=f"/{other}")))
    finally:
        await execute(postgres.dsn, f"DROP DATABASE {other}")
    told = _creation(database, "watcher_utf8")
    assert told in str(refusal.value.advice)
    made = told.replace("watcher_utf8", other)
    await execute(postgres.dsn, made)  # it is a statement that works
    await execute(postgres.dsn, f"DROP DATABASE {other}")


def _creation(dsn: str, name: str) -> str:
    return f"CREATE DATABASE {name} OWNER \"{urlsplit(dsn).username}\" TEMPLATE template0 ENCODING 'UTF8'"


async def test_a_role_with_the_rights_that_are_documented_serves(
    database: str, role: Role, serve: Serve
) -> None:
    await migrate(database)
    (documented,) = re.findall(r"```sql\n(GRANT .+?)```", DEPLOYING, re.DOTALL)
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(documented.replace("watcher_api", role.name))
    finally:
        await connection.close()
    with serve(role.dsn(database), workers="1") as api, api.client() as client:
        wire = Wire(client, database)
        run = wire.start(wire.pipeline())
        wire.end(run)
        bodies = {
            "/freshness": None,
            "/timeliness": {"lookback_minutes": 60},
            "/log_cleanup": {"retention_days": 90},
        }
        for path, body in bodies.items():
            assert client.post(path, json=body).status_code == 200, path
        assert client.get("/health/ready").json()["status"] == "ok"
