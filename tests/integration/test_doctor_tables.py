"""What `watcher doctor` finds of tables and of what is made for them, on a real server."""

import asyncpg
import pytest

from watcher.adapters.postgres.exams import SQL, expected_objects
from watcher.domain.diagnosis import Verdict
from watcher.domain.diagnosis_schema import Objects, judged

FILLED = """
CREATE TABLE filled (id BIGINT, told TEXT, nothing TEXT) WITH (fillfactor = {fill}, autovacuum_enabled = off);
INSERT INTO filled SELECT i, repeat('x', 100 + i % 100), NULL FROM generate_series(1, 20000) AS i
"""


@pytest.mark.parametrize("fill", [100, 50])
async def test_the_free_space_of_a_table_is_estimated(fresh_database: str, fill: int) -> None:
    connection = await asyncpg.connect(fresh_database)

    async def share() -> float | None:
        (found,) = [each for each in await connection.fetch(SQL["tables"].sql) if each["name"] == "filled"]
        return None if found["free"] is None else found["free"] / found["heap"]

    try:
        await connection.execute(FILLED.format(fill=fill))
        assert await share() is None
        await connection.execute("ANALYZE filled")
        full = await share()
        await connection.execute("DELETE FROM filled WHERE id % 10 > 0; ANALYZE filled")
        hollow = await share()
    finally:
        await connection.close()
    assert full is not None
    assert full < 0.1
    assert hollow is not None
    assert 0.8 < hollow < 0.95


async def _objects(connection: asyncpg.Connection) -> Objects:
    return {each["name"]: each["definition"] for each in await connection.fetch(SQL["objects"].sql)}


async def test_what_has_the_right_name_but_is_not_the_same_is_noticed(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute(
            "DROP INDEX alert_by_kind; CREATE INDEX alert_by_kind ON alert (id);"
            "ALTER TABLE alert DROP CONSTRAINT alert_severity_known;"
            "ALTER TABLE alert ADD CONSTRAINT alert_severity_known CHECK (severity <> '')"
        )
        found = list(judged(await _objects(connection), expected_objects()))
    finally:
        await connection.close()
    (finding,) = found
    assert finding.verdict is Verdict.FAILED
    assert finding.detail.startswith(
        "different: constraint alert.alert_severity_known is CHECK ((severity <> ''::text)) instead of CHECK ("
    )
    assert ", index alert.alert_by_kind is USING btree (id) instead of USING btree (" in finding.detail


async def test_of_a_table_that_somebody_holds_names_are_enough(fresh_database: str) -> None:
    holder, doctor = await asyncpg.connect(fresh_database), await asyncpg.connect(fresh_database)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE alert")
            await doctor.execute("SET lock_timeout = 1")
            objects = await _objects(doctor)
    finally:
        await holder.close()
        await doctor.close()
    assert objects["index alert.alert_by_kind"] is None
    assert objects["index pipeline.pipeline_pk"] is not None
    assert [each.verdict for each in judged(objects, expected_objects())] == [Verdict.OK]
