-- name: collect_freshness
-- The spells of stale data: of those that last, and those that are over lately, the ones that nobody knows of; and the
-- ends of those that are known to last. Each is looked up by itself (`OFFSET 0`): what the planner would make of it as a
-- join depends on what it knows of the tables, and is quadratic where it knows nothing.
WITH known AS MATERIALIZED (
    SELECT l.id
    FROM freshness_pipeline_log AS l
    WHERE l.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'freshness' AND a.spell_id = l.id OFFSET 0)
    UNION ALL
    SELECT l.id
    FROM freshness_pipeline_log AS l
    WHERE l.ended_at >= :since AND l.detected_at >= :since
        AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'freshness' AND a.spell_id = l.id OFFSET 0)
    UNION ALL
    SELECT a.spell_id
    FROM alert AS a
    WHERE a.kind = 'freshness' AND a.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM freshness_pipeline_log AS l WHERE l.id = a.spell_id AND l.ended_at IS NULL OFFSET 0)
),
spell AS (
    SELECT
        'freshness' AS kind, k.id, l.pipeline_id, l.detected_at AS opened_at,
        -- What is on record no more is over.
        CASE WHEN l.id IS NULL THEN :now ELSE l.ended_at END AS ended_at,
        'warning' AS severity,
        jsonb_build_object(
            'last_change', l.last_change, 'due_at', l.due_at, 'number', l.threshold_number,
            'datepart', l.threshold_datepart, 'own', l.threshold_own, 'ending', l.ending
        ) AS facts,
        l.id IS NOT NULL AS on_record
    FROM known AS k
    LEFT JOIN LATERAL (
        SELECT f.*
        FROM freshness_pipeline_log AS f
        WHERE f.id = k.id
        OFFSET 0
    ) AS l ON TRUE
),
-- include: collected

-- name: collect_timeliness
-- Late runs, likewise. Such a spell begins when the run was to end.
WITH known AS MATERIALIZED (
    SELECT l.id
    FROM timeliness_pipeline_execution_log AS l
    WHERE l.end_date IS NULL
        AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'timeliness' AND a.spell_id = l.id OFFSET 0)
    UNION ALL
    SELECT l.id
    FROM timeliness_pipeline_execution_log AS l
    WHERE l.end_date IS NOT NULL AND l.detected_at >= :since
        AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'timeliness' AND a.spell_id = l.id OFFSET 0)
    UNION ALL
    SELECT a.spell_id
    FROM alert AS a
    WHERE a.kind = 'timeliness' AND a.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM timeliness_pipeline_execution_log AS l WHERE l.id = a.spell_id AND l.end_date IS NULL OFFSET 0)
),
spell AS (
    SELECT
        'timeliness' AS kind, k.id, l.pipeline_id, l.due_at AS opened_at,
        CASE WHEN l.id IS NULL THEN :now ELSE l.end_date END AS ended_at,
        'warning' AS severity,
        jsonb_build_object(
            'run', l.pipeline_execution_id, 'start_date', l.start_date, 'due_at', l.due_at,
            'number', l.threshold_number, 'datepart', l.threshold_datepart, 'own', l.threshold_own,
            'succeeded', l.completed_successfully, 'in_time', l.end_date <= l.due_at
        ) AS facts,
        l.id IS NOT NULL AS on_record
    FROM known AS k
    LEFT JOIN LATERAL (
        SELECT t.*
        FROM timeliness_pipeline_execution_log AS t
        WHERE t.id = k.id
        OFFSET 0
    ) AS l ON TRUE
),
-- include: collected

-- name: collect_anomaly
-- Incidents, likewise. What is told of one that lasts is what was said of the run that opened it.
WITH known AS MATERIALIZED (
    SELECT a.spell_id AS id
    FROM alert AS a
    WHERE a.kind = 'anomaly' AND a.ended_at IS NULL
    UNION
    SELECT i.id
    FROM anomaly_incident AS i
    WHERE i.ended_at IS NULL
    UNION
    SELECT i.id
    FROM anomaly_incident AS i
    WHERE i.ended_at IS NOT NULL AND i.opened_at >= :since
),
spell AS (
    SELECT
        'anomaly' AS kind, k.id, l.pipeline_id, l.opened_at,
        CASE WHEN l.id IS NULL THEN :now ELSE l.ended_at END AS ended_at,
        'warning' AS severity,
        jsonb_build_object(
            'metric', l.metric_field, 'run', l.first_execution_id, 'start_date', l.first_start,
            'sentence', l.sentence, 'runs', l.runs, 'ending', l.ending
        ) AS facts,
        l.id IS NOT NULL AS on_record
    FROM known AS k
    LEFT JOIN LATERAL (
        SELECT i.*
        FROM anomaly_incident AS i
        WHERE i.id = k.id
        OFFSET 0
    ) AS l ON TRUE
),
-- include: collected

-- name: collect_queue
-- Spells of too much being pending, likewise. Where one ends the next may begin, which has the next id; its state is
-- what the queues went to. What went to critical, and still is, goes on: see `goes_on` of the domain.
WITH known AS MATERIALIZED (
    SELECT a.spell_id AS id
    FROM alert AS a
    WHERE a.kind = 'queue' AND a.ended_at IS NULL
    UNION
    SELECT q.id
    FROM queue_spell AS q
    WHERE q.ended_at IS NULL
    UNION
    SELECT q.id
    FROM queue_spell AS q
    WHERE q.ended_at IS NOT NULL AND q.opened_at >= :since
),
spell AS (
    SELECT
        'queue' AS kind, k.id, NULL::BIGINT AS pipeline_id, l.opened_at,
        CASE WHEN l.id IS NULL THEN :now ELSE l.ended_at END AS ended_at,
        l.state AS severity,
        jsonb_build_object(
            'state', l.state, 'pending', l.pending, 'opened_at', l.opened_at,
            'next', CASE WHEN l.ended_at IS NOT NULL THEN COALESCE(n.state, 'ok') END,
            'goes_on', COALESCE(n.state = 'critical' AND n.ended_at IS NULL, FALSE)
        ) AS facts,
        l.id IS NOT NULL AS on_record
    FROM known AS k
    LEFT JOIN LATERAL (
        SELECT q.*
        FROM queue_spell AS q
        WHERE q.id = k.id
        OFFSET 0
    ) AS l ON TRUE
    LEFT JOIN LATERAL (
        SELECT q.state, q.opened_at, q.ended_at
        FROM queue_spell AS q
        WHERE q.id > l.id
        ORDER BY q.id
        LIMIT 1
    ) AS n ON n.opened_at <= l.ended_at
),
-- include: collected

-- name: collect_errors
-- Times in which too much failed, likewise.
WITH known AS MATERIALIZED (
    SELECT a.spell_id AS id
    FROM alert AS a
    WHERE a.kind = 'errors' AND a.ended_at IS NULL
    UNION
    SELECT e.id
    FROM error_spell AS e
    WHERE e.ended_at IS NULL
    UNION
    SELECT e.id
    FROM error_spell AS e
    WHERE e.ended_at IS NOT NULL AND e.opened_at >= :since
),
spell AS (
    SELECT
        'errors' AS kind, k.id, NULL::BIGINT AS pipeline_id, l.opened_at,
        CASE WHEN l.id IS NULL THEN :now ELSE l.ended_at END AS ended_at,
        CASE WHEN l.source = 'requests' THEN 'critical' ELSE 'warning' END AS severity,
        jsonb_build_object(
            'source', l.source, 'total', l.total, 'failed', l.failed, 'window_seconds', l.window_seconds,
            'opened_at', l.opened_at
        ) AS facts,
        l.id IS NOT NULL AS on_record
    FROM known AS k
    LEFT JOIN LATERAL (
        SELECT e.*
        FROM error_spell AS e
        WHERE e.id = k.id
        OFFSET 0
    ) AS l ON TRUE
),
-- include: collected

-- name: collected
-- Part of every statement that collects: what of the spells is new, and what of the known ones is over, is written.
-- What is over already when it is first seen is worth an `info`, by the rule `first_severity` of the domain. What goes
-- on as another spell has no end to be told.
news AS MATERIALIZED (
    SELECT s.*, a.id AS alert_id
    FROM spell AS s
    LEFT JOIN LATERAL (
        SELECT k.id, k.ended_at
        FROM alert AS k
        WHERE k.kind = s.kind AND k.spell_id = s.id
        OFFSET 0
    ) AS a ON TRUE
    WHERE a.id IS NULL OR (a.ended_at IS NULL AND s.ended_at IS NOT NULL)
),
over AS (
    UPDATE alert AS a
    SET ended_at = n.ended_at,
        end_learned_at = :now,
        facts = CASE WHEN n.on_record THEN n.facts ELSE a.facts END,
        settled = n.on_record AND COALESCE((n.facts ->> 'goes_on')::BOOLEAN, FALSE)
    FROM news AS n
    WHERE a.id = n.alert_id
)
INSERT INTO alert (kind, spell_id, pipeline_id, opened_at, ended_at, end_learned_at, severity, facts)
SELECT n.kind, n.id, n.pipeline_id, n.opened_at, n.ended_at,
    CASE WHEN n.ended_at IS NOT NULL THEN :now::TIMESTAMPTZ END,
    CASE WHEN n.ended_at IS NULL THEN n.severity ELSE 'info' END, n.facts
FROM news AS n
WHERE n.alert_id IS NULL
ORDER BY n.id
