"""The audit that follows each fault finds what is lost, and what is there twice."""

import asyncio

from tests.faults.load import Load
from tests.faults.record import Audit
from tests.integration.programs import until
from tests.server import execute

LOSSES = {
    "start": "UPDATE pipeline_execution SET external_id = 'another' WHERE id = (SELECT min(id) FROM pipeline_execution WHERE external_id IS NOT NULL)",
    "end": "UPDATE pipeline_execution SET inserts = inserts + 1 WHERE id = (SELECT max(id) FROM pipeline_execution WHERE inserts > 0)",
    "pipeline": "UPDATE pipeline SET name = 'another' WHERE name = 'declared 0/1'",
    "watermark": "UPDATE pipeline SET watermark = '0' WHERE id = (SELECT min(id) FROM pipeline WHERE watermark <> '')",
}
TWICE = """
UPDATE pipeline_execution AS e SET next_watermark = f.next_watermark
FROM (SELECT min(id) AS first, max(id) AS last FROM pipeline_execution WHERE external_id IS NULL) AS n
INNER JOIN pipeline_execution AS f ON f.id = n.first
WHERE e.id = n.last
"""


def test_the_audit_finds_what_is_lost_and_what_is_there_twice(watcher_url: str, database: str) -> None:
    with Load(watcher_url, threads=1, declaring=1, nameless=1) as load:
        until(lambda: min(len(load.ended), len(load.marked), len(load.declared)) >= 5, 60, "five of each")
    first = Audit.of(load, database)
    assert (first.lost, first.twice) == ([], [])
    assert first.acknowledged == len([each for each in load.asked if each.served])

    for statement in LOSSES.values():
        asyncio.run(execute(database, statement))
    lost = [row[0] for row in Audit.of(load, database).lost if isinstance(row, tuple)]
    assert set(lost) == set(LOSSES)

    asyncio.run(execute(database, TWICE))
    assert [row[0] for row in Audit.of(load, database).twice if isinstance(row, tuple)] == [
        "a run that was sent once"
    ]
