"""The audit that follows each fault finds what is lost, and what is there twice."""

import asyncio

from tests.faults.load import Load
from tests.faults.record import TWICE as QUERIES
from tests.faults.record import UNJUDGED, Audit
from tests.integration.conftest import Serve
from tests.integration.programs import until
from tests.server import execute, fetch

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


FIRST_JUDGED = "SELECT min(pipeline_execution_id) FROM anomaly_detection_result"
DOUBLES = {
    "a run by its external_id": (
        "DROP INDEX pipeline_execution_external_unique",
        """
        UPDATE pipeline_execution AS e SET external_id = f.external_id, pipeline_id = f.pipeline_id
        FROM (SELECT min(id) AS first, max(id) AS last FROM pipeline_execution WHERE external_id IS NOT NULL) AS n
        INNER JOIN pipeline_execution AS f ON f.id = n.first
        WHERE e.id = n.last
        """,
    ),
    "a run that was sent once": (TWICE,),
    "a pipeline by its name": ("UPDATE pipeline SET name = 'load 0' WHERE name = 'load 1'",),
    "a verdict": (
        "ALTER TABLE anomaly_detection_result DROP CONSTRAINT anomaly_detection_result_execution_unique",
        """
        UPDATE anomaly_detection_result AS v SET pipeline_execution_id = f.pipeline_execution_id
        FROM (SELECT rule_id, min(id) AS first, max(id) AS last FROM anomaly_detection_result GROUP BY rule_id) AS n
        INNER JOIN anomaly_detection_result AS f ON f.id = n.first
        WHERE v.id = n.last AND n.first < n.last
        """,
    ),
}
"""What makes each of the queries find something, in a database that has lost the rule against it."""


def test_each_query_of_the_audit_finds_what_no_rule_of_the_database_prevents(
    serve: Serve, fresh_database: str
) -> None:
    with (
        serve(fresh_database, workers="1") as api,
        Load(api.url, threads=1, watched=True, nameless=1) as load,
    ):
        until(lambda: min(len(load.ended), len(load.marked)) >= 5, 60, "five of each")
        load.stop()
        until(lambda: asyncio.run(fetch(fresh_database, UNJUDGED)) == [], 60, "a verdict for each")
    assert DOUBLES.keys() == QUERIES.keys()
    assert Audit.of(load, fresh_database).twice == []

    found: set[object] = set()
    for what, statements in DOUBLES.items():
        asyncio.run(execute(fresh_database, *statements))
        found.add(what)
        assert {row[0] for row in Audit.of(load, fresh_database).twice if isinstance(row, tuple)} == found

    (first,) = asyncio.run(fetch(fresh_database, FIRST_JUDGED))
    assert first not in asyncio.run(fetch(fresh_database, UNJUDGED))
    forget = f"DELETE FROM anomaly_detection_result WHERE pipeline_execution_id = ({FIRST_JUDGED})"  # noqa: S608
    asyncio.run(execute(fresh_database, forget))
    assert first in asyncio.run(fetch(fresh_database, UNJUDGED))
