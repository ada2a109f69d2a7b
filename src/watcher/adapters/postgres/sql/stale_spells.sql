-- name: check
-- Opens a spell for each pipeline that is stale and has none, and ends the open ones of those that are not, by the
-- rule `judged` of the domain. Answers the spells that it opened or ended. Reads every pipeline once, and beyond
-- that touches only what is stale. Spells are locked by ascending id, and opened by ascending pipeline, so that two
-- such statements never wait for each other in a circle. Most pipelines changed so lately that no calendar is asked:
-- who changed at `fresh_since` of its type or later is not stale by it, as no month has less than 28 days.
WITH once AS MATERIALIZED (
    -- include: planned
),
kind AS MATERIALIZED (
    SELECT
        t.id, t.freshness_number, t.freshness_datepart, t.mute_freshness_check,
        :now::TIMESTAMPTZ - make_interval(secs => LEAST(1e9, t.freshness_number * s.seconds)) AS fresh_since
    FROM pipeline_type AS t
    CROSS JOIN LATERAL (
        SELECT CASE t.freshness_datepart
                WHEN 'minute' THEN 60
                WHEN 'hour' THEN 3600
                WHEN 'day' THEN 86400
                WHEN 'week' THEN 7 * 86400
                WHEN 'month' THEN 28 * 86400
                WHEN 'quarter' THEN 3 * 28 * 86400
                WHEN 'year' THEN 12 * 28 * 86400
            END::DOUBLE PRECISION AS seconds
    ) AS s
),
stale AS MATERIALIZED (
    SELECT p.id AS pipeline_id, c.last_change, d.due_at, c.number, c.datepart, p.freshness_number IS NOT NULL AS own
    FROM pipeline AS p
    -- include: judged
    WHERE d.watched
        AND (p.freshness_number IS NOT NULL OR c.since < (SELECT max(k.fresh_since) FROM kind AS k))
        AND (p.freshness_number IS NOT NULL OR c.since < t.fresh_since)
        AND d.due_at < :now
),
over AS MATERIALIZED (
    SELECT
        l.id,
        CASE
            WHEN NOT p.active THEN 'inactive'
            WHEN NOT d.watched THEN 'muted'
            WHEN c.number IS NULL THEN 'without threshold'
            ELSE 'recovered'
        END AS ending
    FROM freshness_pipeline_log AS l
    CROSS JOIN LATERAL (
        SELECT w.id, w.pipeline_type_id, w.created_at, w.last_target_insert, w.last_target_update,
            w.last_target_soft_delete, w.freshness_number, w.freshness_datepart, w.mute_freshness_check, w.active
        FROM pipeline AS w
        WHERE w.id = l.pipeline_id
        -- Looked up one by one: without this the planner would rather read all pipelines once more.
        OFFSET 0
    ) AS p
    -- include: judged
    WHERE l.ended_at IS NULL AND (d.watched AND d.due_at < :now) IS NOT TRUE
    ORDER BY l.id
    FOR NO KEY UPDATE OF l
),
ended AS (
    UPDATE freshness_pipeline_log AS l
    SET ended_at = GREATEST(:now, l.detected_at),
        ending = o.ending
    FROM over AS o
    WHERE l.id = o.id
    RETURNING
        -- include: written
),
opened AS (
    INSERT INTO freshness_pipeline_log AS l (
        pipeline_id, detected_at, last_change, due_at, threshold_number, threshold_datepart, threshold_own
    )
    SELECT s.pipeline_id, :now, s.last_change, s.due_at, s.number, s.datepart, s.own
    FROM stale AS s
    CROSS JOIN once
    WHERE NOT EXISTS (
            SELECT FROM freshness_pipeline_log AS o WHERE o.pipeline_id = s.pipeline_id AND o.ended_at IS NULL OFFSET 0
        )
    ORDER BY s.pipeline_id
    ON CONFLICT (pipeline_id) WHERE ended_at IS NULL DO NOTHING
    RETURNING
        -- include: written
)
SELECT
    -- include: columns
FROM (SELECT o.* FROM opened AS o UNION ALL SELECT e.* FROM ended AS e) AS l
ORDER BY l.id;

-- name: planned
    -- The statement is planned for its values. What follows is not: else each check of a foreign key were planned
    -- anew.
    SELECT set_config('plan_cache_mode', 'force_generic_plan', TRUE) AS mode

-- name: page_of_all
SELECT
    -- include: columns
FROM freshness_pipeline_log AS l
WHERE TRUE
    -- include: slice

-- name: page_of_pipeline
SELECT
    -- include: columns
FROM freshness_pipeline_log AS l
WHERE l.pipeline_id = :pipeline_id
    -- include: slice

-- name: page_of_open
SELECT
    -- include: columns
FROM freshness_pipeline_log AS l
WHERE l.ended_at IS NULL
    -- include: slice

-- name: slice
    AND l.id < COALESCE(:after, 9223372036854775807)
    AND (:pipeline_id::BIGINT IS NULL OR l.pipeline_id = :pipeline_id)
    AND (:open::BOOLEAN IS NULL OR (l.ended_at IS NULL) = :open)
ORDER BY l.id DESC
LIMIT :limit

-- name: judged
    -- Part of a statement about pipelines (`p`): how long each may stay unchanged, by whom, and until when.
    INNER JOIN kind AS t ON t.id = p.pipeline_type_id
    CROSS JOIN LATERAL (
        SELECT
            GREATEST(p.last_target_insert, p.last_target_update, p.last_target_soft_delete) AS last_change,
            COALESCE(
                GREATEST(p.last_target_insert, p.last_target_update, p.last_target_soft_delete), p.created_at
            ) AS since,
            COALESCE(p.freshness_number, t.freshness_number) AS number,
            COALESCE(p.freshness_datepart, t.freshness_datepart) AS datepart
    ) AS c
    CROSS JOIN LATERAL (
        SELECT
            p.active AND NOT p.mute_freshness_check AND NOT t.mute_freshness_check AS watched,
            span_end(c.since, c.number, c.datepart) AS due_at
    ) AS d

-- name: written
l.id, l.pipeline_id, l.detected_at, l.last_change, l.due_at, l.threshold_number, l.threshold_datepart,
l.threshold_own, l.ended_at, l.ending

-- name: columns
l.id, l.pipeline_id, (SELECT p.name FROM pipeline AS p WHERE p.id = l.pipeline_id) AS pipeline_name, l.detected_at,
l.last_change, l.due_at, l.threshold_number, l.threshold_datepart::TEXT AS threshold_datepart, l.threshold_own,
l.ended_at, l.ending
