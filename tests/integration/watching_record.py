"""What the database says of all that was to be noticed and told, and what of that is wrong."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.integration.receivers import WebServer
from tests.integration.watched_load import WatchedLoad
from tests.server import fetch
from watcher.domain.alert_sentences import AlertKind

LOGS: Mapping[str, str] = {
    "freshness": "freshness_pipeline_log",
    "timeliness": "timeliness_pipeline_execution_log",
    "anomaly": "anomaly_incident",
    "queue": "queue_spell",
}
"""Where the spells are that each kind of alert is about."""

MESSAGE = re.compile(r"Watcher message (\d+)$")

SPELLS = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind, l.id FROM {LOGS[kind]} AS l"  # noqa: S608 (a constant)
    for kind in AlertKind
)

COUNTED = f"""
SELECT
    (SELECT count(*) FROM pipeline_execution AS e WHERE e.end_date IS NOT NULL) AS executions,
    (SELECT count(*) FROM pipeline_execution AS e INNER JOIN anomaly_detection_rule AS r ON r.pipeline_id = e.pipeline_id
     WHERE e.completed_successfully) AS to_judge,
    (SELECT count(*) FROM anomaly_detection_result) AS verdicts,
    (SELECT count(*) FROM anomaly_detection_result AS v WHERE v.standing = 'anomalous') AS flagged,
    (SELECT count(*) FROM anomaly_incident) AS incidents,
    (SELECT count(*) FROM anomaly_incident AS i WHERE i.ended_at IS NOT NULL) AS incidents_ended,
    (SELECT count(*) FROM freshness_pipeline_log) AS stale_spells,
    (SELECT count(*) FROM timeliness_pipeline_execution_log) AS late_runs,
    (SELECT count(*) FROM ({SPELLS}) AS s) AS spells,
    (SELECT count(*) FROM alert) AS alerts,
    (SELECT count(*) FROM alert_message) AS messages,
    (SELECT count(*) FROM alert_delivery) AS deliveries
"""  # noqa: S608 (constants)

UNSETTLED = f"""
SELECT
    (SELECT count(*) FROM anomaly_pending) AS runs_to_judge,
    (SELECT count(*) FROM ({SPELLS}) AS s
     WHERE NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = s.kind AND a.spell_id = s.id)) AS spells_to_tell,
    (SELECT count(*) FROM alert_delivery AS d WHERE d.state IN ('pending', 'failed')) AS messages_to_send,
    (SELECT count(*) FROM alert AS a WHERE a.ended_at IS NOT NULL AND NOT a.settled) AS ends_to_tell
"""  # noqa: S608 (constants)

WRONG: Mapping[str, str] = {
    "a successful run that has not one verdict of each rule": """
        SELECT e.id, r.id, count(v.id)
        FROM pipeline_execution AS e
        INNER JOIN anomaly_detection_rule AS r ON r.pipeline_id = e.pipeline_id
        LEFT JOIN anomaly_detection_result AS v ON v.pipeline_execution_id = e.id AND v.rule_id = r.id
        WHERE e.completed_successfully
        GROUP BY e.id, r.id
        HAVING count(v.id) <> 1""",
    "a verdict on a run that did not succeed": """
        SELECT v.id
        FROM anomaly_detection_result AS v
        INNER JOIN pipeline_execution AS e ON e.id = v.pipeline_execution_id
        WHERE e.completed_successfully IS NOT TRUE""",
    "an outrageous run that was not flagged": """
        SELECT e.id, v.standing
        FROM pipeline_execution AS e
        INNER JOIN anomaly_detection_result AS v ON v.pipeline_execution_id = e.id AND v.metric_field = 'total_rows'
        WHERE e.total_rows >= 100000 AND v.standing <> 'anomalous'""",
    "an incident that counts other runs than those flagged in it": """
        SELECT i.id, i.runs, count(v.id)
        FROM anomaly_incident AS i
        LEFT JOIN anomaly_detection_result AS v ON v.incident_id = i.id AND v.standing = 'anomalous'
        GROUP BY i.id, i.runs
        HAVING i.runs <> count(v.id)""",
    "a flagged run in no incident": """
        SELECT v.id FROM anomaly_detection_result AS v WHERE v.standing = 'anomalous' AND v.incident_id IS NULL""",
    "a rule with incidents that overlap": """
        SELECT i.id, o.id
        FROM anomaly_incident AS i
        INNER JOIN anomaly_incident AS o ON o.rule_id = i.rule_id AND o.id > i.id
        WHERE o.first_start <= i.last_start AND i.first_start <= o.last_start""",
    "consecutive flagged runs in two incidents": """
        SELECT v.before, v.id
        FROM (
            SELECT r.id, r.standing, r.incident_id, lag(r.id) OVER w AS before,
                lag(r.standing) OVER w AS standing_before, lag(r.incident_id) OVER w AS incident_before
            FROM anomaly_detection_result AS r
            WHERE r.standing <> 'learning'
            WINDOW w AS (PARTITION BY r.rule_id ORDER BY r.start_date, r.pipeline_execution_id)
        ) AS v
        WHERE v.standing = 'anomalous' AND v.standing_before = 'anomalous' AND v.incident_id <> v.incident_before""",
    "a run of a client that ends one after the other which was judged after a later one": """
        SELECT v.id
        FROM (
            SELECT r.id, r.start_date, max(r.start_date) OVER (PARTITION BY r.rule_id ORDER BY r.id) AS latest
            FROM anomaly_detection_result AS r
        ) AS v
        WHERE v.start_date < v.latest""",
    "a late run that is not on record once": """
        SELECT e.id, count(l.id)
        FROM pipeline_execution AS e
        LEFT JOIN timeliness_pipeline_execution_log AS l ON l.pipeline_execution_id = e.id
        WHERE e.external_id = 'late'
        GROUP BY e.id
        HAVING count(l.id) <> 1""",
    "a spell that has not one alert": f"""
        SELECT s.kind, s.id, count(a.id)
        FROM ({SPELLS}) AS s
        LEFT JOIN alert AS a ON a.kind = s.kind AND a.spell_id = s.id
        GROUP BY s.kind, s.id
        HAVING count(a.id) <> 1""",  # noqa: S608 (a constant)
    "an alert of which a channel was not told once": """
        SELECT a.id, count(d.id)
        FROM alert AS a
        LEFT JOIN alert_delivery AS d ON d.message_id = a.opened_in AND d.state = 'delivered'
        GROUP BY a.id
        HAVING count(d.id) <> 2 OR count(DISTINCT d.channel) <> 2""",
    "an alert of whose end a channel was not told once": """
        SELECT a.id, count(d.id)
        FROM alert AS a
        LEFT JOIN alert_delivery AS d ON d.message_id = ANY(a.ended_in) AND d.state = 'delivered'
        WHERE a.ended_at IS NOT NULL AND a.severity <> 'info'
        GROUP BY a.id
        HAVING count(d.id) <> 2 OR count(DISTINCT d.channel) <> 2""",
    "an end that was told though it does not last, or was over when it was first told": """
        SELECT a.id FROM alert AS a WHERE (a.ended_at IS NULL OR a.severity = 'info') AND a.ended_in <> '{}'""",
    "a message about nothing": """
        SELECT m.id FROM alert_message AS m
        WHERE NOT EXISTS (SELECT FROM alert AS a WHERE a.opened_in = m.id OR m.id = ANY(a.ended_in))""",
}


STALE = "SELECT pipeline_id, count(*) FROM freshness_pipeline_log GROUP BY pipeline_id"
ENDED = "SELECT id FROM pipeline_execution WHERE end_date IS NOT NULL"
DELIVERIES = "SELECT channel, message_id FROM alert_delivery"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How often each message arrived on each channel, by path and id."""

    times: Counter[tuple[str, int]] = field(default_factory=Counter)

    @classmethod
    def at(cls, web: WebServer) -> "Arrivals":
        arrivals = cls()
        for path, body in list(web.posted):
            message = MESSAGE.search(body["message"])
            assert message is not None, body
            arrivals.times[path.removeprefix("/"), int(message[1])] += 1
        return arrivals

    @property
    def repeats(self) -> int:
        return self.times.total() - len(self.times)

    def wrong(self, dsn: str, interrupted: set[tuple[object, ...]]) -> list[object]:
        """Deliveries that did not arrive, or more often than kills in the middle of sending explain."""
        excuses = Counter((channel, message) for message, channel, _ in interrupted)
        known = {
            (str(channel), int(str(message))) for channel, message in asyncio.run(fetch(dsn, DELIVERIES))
        }
        return [
            (delivery, self.times[delivery])
            for delivery in known | set(self.times)
            if delivery not in known or not 1 <= self.times[delivery] <= 1 + excuses[delivery]
        ]


def numbers(dsn: str, query: str) -> dict[str, int]:
    """The only row of a query that counts."""
    names = re.findall(r"\) AS ([a-z_]{4,})(?=,\n|\n$)", query)
    (row,) = asyncio.run(fetch(dsn, query))
    return dict(zip(names, (int(str(value)) for value in row), strict=True))


def wrong(
    dsn: str, arrivals: Arrivals, interrupted: set[tuple[object, ...]], load: WatchedLoad
) -> dict[str, list[object]]:
    """What must not be and is."""
    found: dict[str, list[object]] = {
        what: list(asyncio.run(fetch(dsn, query))) for what, query in WRONG.items()
    }
    found["a message that did not arrive once"] = arrivals.wrong(dsn, interrupted)
    ended = {int(str(row[0])) for row in asyncio.run(fetch(dsn, ENDED))}
    found["an acknowledged end that is not on record"] = list((load.ended | load.failed) - ended)
    spells = {int(str(row[0])): int(str(row[1])) for row in asyncio.run(fetch(dsn, STALE))}
    found["a stale pipeline that is not on record once"] = [
        (pipeline, spells.get(pipeline, 0))
        for pipeline, rescued in load.stale.items()
        if spells.get(pipeline, 0) not in ((0, 1) if rescued else (1,))
    ]
    return {what: rows for what, rows in found.items() if rows}
