-- name: hold
-- Who holds this row composes; the others follow. The first pass ever sets when alerting began; that this lies ahead
-- says a wrong clock.
UPDATE alert_upkeep
SET activated_at = LEAST(activated_at, :now)
RETURNING activated_at;

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

-- name: untold
-- What began and was not told: what goes into one message each.
SELECT a.kind, a.severity, array_agg(a.id ORDER BY a.id) AS ids
FROM alert AS a
WHERE a.opened_in IS NULL
GROUP BY a.kind, a.severity
ORDER BY a.kind, a.severity;

-- name: untold_ends
-- What is over, by the channels that heard of its beginning and not of its end: what goes into one message each.
SELECT o.kind, o.channels, array_agg(o.id ORDER BY o.id) AS ids
FROM (
    SELECT a.id, a.kind, c.channels
    FROM alert AS a
    CROSS JOIN LATERAL (
        SELECT array_agg(d.channel ORDER BY d.channel) AS channels
        FROM alert_delivery AS d
        WHERE d.message_id = a.opened_in AND d.state = 'delivered' AND d.channel = ANY(:channels::TEXT[])
            AND NOT EXISTS (
                SELECT FROM alert_delivery AS t WHERE t.message_id = ANY(a.ended_in) AND t.channel = d.channel
            )
        OFFSET 0
    ) AS c
    WHERE a.ended_at IS NOT NULL AND NOT a.settled AND a.end_learned_at >= :recent AND c.channels IS NOT NULL
) AS o
GROUP BY o.kind, o.channels
ORDER BY o.kind, o.channels;

-- name: told
SELECT (SELECT p.name FROM pipeline AS p WHERE p.id = a.pipeline_id) AS pipeline_name, a.facts, a.opened_at, a.ended_at
FROM alert AS a
WHERE a.id = ANY(:ids::BIGINT[])
ORDER BY a.id;

-- name: write
-- A message, due at once on each of its channels.
WITH message AS (
    INSERT INTO alert_message (kind, severity, ending, title, text, created_at)
    VALUES (:kind, :severity, :ending, :title, :text, :now)
    RETURNING id
),
sent AS (
    INSERT INTO alert_delivery (message_id, channel, next_attempt_at, give_up_at)
    SELECT m.id, c.name, :now, :give_up_at
    FROM message AS m, unnest(:channels::TEXT[]) AS c (name)
    ORDER BY c.name
)
SELECT m.id
FROM message AS m;

-- name: tell
-- What was over when it was told has no end to be told any more.
UPDATE alert AS a
SET opened_in = :message_id,
    settled = a.ended_at IS NOT NULL
WHERE a.id = ANY(:ids::BIGINT[]);

-- name: tell_end
UPDATE alert AS a
SET ended_in = a.ended_in || :message_id::BIGINT
WHERE a.id = ANY(:ids::BIGINT[]);

-- name: settle
-- What is over and needs no further look: its end was told wherever its beginning was delivered, and it is delivered
-- nowhere else any more; or it is known to be over for too long.
UPDATE alert AS a
SET settled = TRUE
WHERE a.ended_at IS NOT NULL AND NOT a.settled AND (
        a.end_learned_at < :recent
        OR NOT EXISTS (
            SELECT
            FROM alert_delivery AS d
            WHERE d.message_id = a.opened_in AND (
                    d.state IN ('pending', 'failed')
                    OR (
                        d.state = 'delivered' AND NOT EXISTS (
                            SELECT
                            FROM alert_delivery AS t
                            WHERE t.message_id = ANY(a.ended_in) AND t.channel = d.channel
                        )
                    )
                )
        )
    );

-- name: page_of_all
SELECT
    -- include: columns
FROM alert AS a
WHERE TRUE
    -- include: slice

-- name: page_of_kind
SELECT
    -- include: columns
FROM alert AS a
WHERE a.kind = :kind
    -- include: slice

-- name: page_of_open
SELECT
    -- include: columns
FROM alert AS a
WHERE a.ended_at IS NULL
    -- include: slice

-- name: slice
    AND a.id < COALESCE(:after, 9223372036854775807)
    AND (:kind::TEXT IS NULL OR a.kind = :kind)
    AND (:open::BOOLEAN IS NULL OR (a.ended_at IS NULL) = :open)
ORDER BY a.id DESC
LIMIT :limit

-- name: columns
a.id, a.kind, a.spell_id, a.pipeline_id, (SELECT p.name FROM pipeline AS p WHERE p.id = a.pipeline_id) AS pipeline_name,
a.opened_at, a.ended_at, a.severity, a.facts, a.opened_in AS opening_message_id,
(SELECT min(d.delivered_at) FROM alert_delivery AS d WHERE d.message_id = a.opened_in) AS opening_delivered_at,
a.ended_in AS ending_message_ids,
(SELECT min(d.delivered_at) FROM alert_delivery AS d WHERE d.message_id = ANY(a.ended_in)) AS ending_delivered_at
