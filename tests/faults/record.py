"""What the database says of what was acknowledged: what is lost, and what is there twice."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.faults.load import Load
from tests.server import fetch

RUNS = """
SELECT e.external_id, e.next_watermark, e.id, e.end_date IS NOT NULL, e.inserts
FROM pipeline_execution AS e
"""
PIPELINES = "SELECT p.name, p.id FROM pipeline AS p"
WATERMARKS = """
SELECT p.id, p.watermark, max(e.next_watermark::INTEGER)::TEXT
FROM pipeline AS p
INNER JOIN pipeline_execution AS e ON e.pipeline_id = p.id AND e.completed_successfully
WHERE e.next_watermark ~ '^[0-9]+$'
GROUP BY p.id
"""
TWICE: Mapping[str, str] = {
    "a run by its external_id": """
        SELECT e.pipeline_id, e.external_id, count(*) FROM pipeline_execution AS e
        WHERE e.external_id IS NOT NULL
        GROUP BY e.pipeline_id, e.external_id
        HAVING count(*) > 1""",
    "a run that was sent once": """
        SELECT e.pipeline_id, e.next_watermark, count(*) FROM pipeline_execution AS e
        WHERE e.external_id IS NULL AND e.next_watermark IS NOT NULL
        GROUP BY e.pipeline_id, e.next_watermark
        HAVING count(*) > 1""",
    "a pipeline by its name": "SELECT p.name, count(*) FROM pipeline AS p GROUP BY p.name HAVING count(*) > 1",
    "a verdict": """
        SELECT v.pipeline_execution_id, v.rule_id, count(*) FROM anomaly_detection_result AS v
        GROUP BY v.pipeline_execution_id, v.rule_id
        HAVING count(*) > 1""",
}
UNJUDGED = """
SELECT e.id FROM pipeline_execution AS e
INNER JOIN anomaly_detection_rule AS r ON r.pipeline_id = e.pipeline_id
LEFT JOIN anomaly_detection_result AS v ON v.pipeline_execution_id = e.id AND v.rule_id = r.id
WHERE e.completed_successfully AND v.id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Audit:
    """How many writes were acknowledged, and which of them are lost, or there twice."""

    acknowledged: int
    lost: Sequence[object]
    twice: Sequence[object]

    @classmethod
    def of(cls, load: Load, dsn: str) -> "Audit":
        runs = asyncio.run(fetch(dsn, RUNS))
        return cls(
            acknowledged=len(load.started) + len(load.ended) + len(load.marked) + len(load.declared),
            lost=[*_lost(load, runs), *_undeclared(load, dsn), *_behind(load, dsn)],
            twice=[(what, *row) for what, query in TWICE.items() for row in asyncio.run(fetch(dsn, query))],
        )


def _lost(load: Load, runs: Sequence[tuple[object, ...]]) -> list[object]:
    """Starts and ends that are not on record as they were acknowledged."""
    named = {str(name): identity for name, _, identity, _, _ in runs if name is not None}
    marked = {str(mark): identity for name, mark, identity, _, _ in runs if name is None}
    ends = {identity: inserts for _, _, identity, ended, inserts in runs if ended}
    return [
        *(("start", name) for name, identity in load.started.items() if named.get(name) != identity),
        *(("start", mark) for mark, identity in load.marked.items() if marked.get(mark) != identity),
        *(("end", identity) for identity, (_, turn) in load.ended.items() if ends.get(identity) != turn),
    ]


def _undeclared(load: Load, dsn: str) -> list[object]:
    known = {str(name): identity for name, identity in asyncio.run(fetch(dsn, PIPELINES))}
    return [("pipeline", name) for name, identity in load.declared.items() if known.get(name) != identity]


def _behind(load: Load, dsn: str) -> list[object]:
    """Pipelines whose watermark is not that of their last success."""
    reached = {
        pipeline: (str(watermark), str(last))
        for pipeline, watermark, last in asyncio.run(fetch(dsn, WATERMARKS))
    }
    return [
        ("watermark", pipeline, turn)
        for pipeline, turn in set(load.ended.values())
        if pipeline not in reached
        or reached[pipeline][0] != reached[pipeline][1]
        or int(reached[pipeline][1]) < turn
    ]


def check(load: Load, dsn: str) -> None:
    """Fails where something that was acknowledged is lost, or there twice."""
    audit = Audit.of(load, dsn)
    assert load.started
    assert audit.lost == []
    assert audit.twice == []
