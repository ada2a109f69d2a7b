"""The oldest PostgreSQL that is supported, where the machine has it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import FAST, directory_for_all
from tests.contract.world import at, declaration, started, succeeded
from tests.integration.test_sql import STATEMENTS
from watcher.adapters.embedded import EmbeddedPostgres
from watcher.adapters.postgres.exams import SQL, expected_objects
from watcher.adapters.postgres.migrate import migrate
from watcher.domain.execution import End, Record
from watcher.domain.executions import Ended, ExecutionFilter, Started, Status
from watcher.domain.page import Page
from watcher.embedding import open_watcher

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "postgres").exists(), reason=f"there is no {PROGRAMS}/postgres"
)


@pytest.fixture(scope="module")
def old() -> Iterator[str]:
    """The DSN of a migrated database."""
    with (
        directory_for_all() as directory,
        EmbeddedPostgres(directory / "home", settings=FAST, bindir=PROGRAMS) as server,
    ):
        asyncio.run(migrate(server.dsn))
        yield server.dsn


async def test_every_statement_fits_the_schema(old: str) -> None:
    connection = await asyncpg.connect(old)
    assert connection.get_server_version().major == 15
    for query in STATEMENTS.values():
        await connection.prepare(query.sql)
    await connection.close()


async def test_the_schema_is_told_in_the_same_words(old: str) -> None:
    connection = await asyncpg.connect(old)
    found = {each["name"]: each["definition"] for each in await connection.fetch(SQL["objects"].sql)}
    await connection.close()
    assert found == expected_objects()


async def test_a_run_begins_ends_and_is_found(old: str) -> None:
    async with open_watcher(old) as watcher:
        (declared,) = await watcher.pipelines.declare([declaration(next_watermark="march")], at(0))
        (root,) = await watcher.executions.start([started(declared.id)])
        assert isinstance(root, Started)
        (child,) = await watcher.executions.record(
            [Record(started(declared.id, 1, parent_id=root.id), succeeded(4, total_rows=2))]
        )
        assert await watcher.executions.end([End(root.id, succeeded(inserts=1))]) == [Ended(root.id)]
        _, leaf = await watcher.executions.tree(root.id)
        assert isinstance(child, Started)
        assert (leaf.id, leaf.throughput) == (child.id, 0.6667)
        page = await watcher.executions.page(ExecutionFilter(status=Status.SUCCEEDED), Page())
        assert [row.id for row in page.items] == [leaf.id, root.id]
        assert (await watcher.pipelines.get(declared.id)).watermark == "march"
