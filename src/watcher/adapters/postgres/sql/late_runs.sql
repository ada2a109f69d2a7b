-- name: check
-- Records each run that is late and not on record yet, by the rule `judged` of the domain, and the end of those
-- that were recorded while they ran. Answers what it wrote, `found` where the run is new. Reads the runs that can be
-- late: what runs for a minute or more, however long ago it began, and what ran so long and ended since `since`.
-- Written by ascending id, so that two such statements never wait for each other in a circle. What belongs to a run
-- is looked up by itself (`OFFSET 0`): by its guesses the planner would read all pipelines for a few of them.
WITH once AS MATERIALIZED (
    -- include: planned
),
over AS MATERIALIZED (
    SELECT l.id, e.end_date, e.completed_successfully
    FROM timeliness_pipeline_execution_log AS l
    CROSS JOIN LATERAL (
        SELECT r.end_date, r.completed_successfully
        FROM pipeline_execution AS r
        WHERE r.id = l.pipeline_execution_id
        OFFSET 0
    ) AS e
    WHERE l.end_date IS NULL AND e.end_date IS NOT NULL
    ORDER BY l.id
    FOR NO KEY UPDATE OF l
),
ended AS (
    UPDATE timeliness_pipeline_execution_log AS l
    SET end_date = o.end_date,
        completed_successfully = o.completed_successfully
    FROM over AS o
    WHERE l.id = o.id
    RETURNING FALSE AS found,
        -- include: written
),
long AS (
    SELECT e.id, e.pipeline_id, e.start_date, e.end_date, e.completed_successfully
    FROM pipeline_execution AS e
    WHERE e.end_date IS NULL AND e.start_date < :now::TIMESTAMPTZ - INTERVAL '1 minute'
    UNION ALL
    SELECT e.id, e.pipeline_id, e.start_date, e.end_date, e.completed_successfully
    FROM pipeline_execution AS e
    WHERE e.end_date >= :since AND e.duration_seconds >= 60
),
late AS MATERIALIZED (
    SELECT r.*, c.number, c.datepart, p.timeliness_number IS NOT NULL AS own, d.due_at
    FROM long AS r
    CROSS JOIN LATERAL (
        SELECT w.pipeline_type_id, w.timeliness_number, w.timeliness_datepart
        FROM pipeline AS w
        WHERE w.id = r.pipeline_id AND w.active AND NOT w.mute_timeliness_check
        OFFSET 0
    ) AS p
    INNER JOIN pipeline_type AS t ON t.id = p.pipeline_type_id
    CROSS JOIN LATERAL (
        SELECT
            COALESCE(p.timeliness_number, t.timeliness_number) AS number,
            COALESCE(p.timeliness_datepart, t.timeliness_datepart) AS datepart
    ) AS c
    CROSS JOIN LATERAL (SELECT span_end(r.start_date, c.number, c.datepart) AS due_at) AS d
    WHERE NOT t.mute_timeliness_check AND d.due_at < COALESCE(r.end_date, :now)
),
found AS (
    INSERT INTO timeliness_pipeline_execution_log AS l (
        pipeline_execution_id, pipeline_id, start_date, due_at, detected_at, end_date, threshold_number,
        threshold_datepart, threshold_own, completed_successfully
    )
    SELECT r.id, r.pipeline_id, r.start_date, r.due_at, :now, r.end_date, r.number, r.datepart, r.own,
        r.completed_successfully
    FROM late AS r
    CROSS JOIN once
    WHERE NOT EXISTS (
            SELECT FROM timeliness_pipeline_execution_log AS o WHERE o.pipeline_execution_id = r.id OFFSET 0
        )
    ORDER BY r.id
    ON CONFLICT (pipeline_execution_id) DO NOTHING
    RETURNING TRUE AS found,
        -- include: written
)
SELECT l.found,
    -- include: columns
FROM (SELECT f.* FROM found AS f UNION ALL SELECT e.* FROM ended AS e) AS l
ORDER BY l.id;

-- name: planned
    -- The statement is planned for its values. What follows is not: else each check of a foreign key were planned
    -- anew.
    SELECT set_config('plan_cache_mode', 'force_generic_plan', TRUE) AS mode

-- name: checked_to
SELECT u.checked_to
FROM timeliness_upkeep AS u;

-- name: note_checked
UPDATE timeliness_upkeep
SET checked_to = :to;

-- name: page_of_all
SELECT
    -- include: columns
FROM timeliness_pipeline_execution_log AS l
WHERE TRUE
    -- include: slice

-- name: page_of_pipeline
SELECT
    -- include: columns
FROM timeliness_pipeline_execution_log AS l
WHERE l.pipeline_id = :pipeline_id
    -- include: slice

-- name: page_of_open
SELECT
    -- include: columns
FROM timeliness_pipeline_execution_log AS l
WHERE l.end_date IS NULL
    -- include: slice

-- name: slice
    AND l.id < COALESCE(:after, 9223372036854775807)
    AND (:pipeline_id::BIGINT IS NULL OR l.pipeline_id = :pipeline_id)
    AND (:open::BOOLEAN IS NULL OR (l.end_date IS NULL) = :open)
ORDER BY l.id DESC
LIMIT :limit

-- name: written
l.id, l.pipeline_execution_id, l.pipeline_id, l.start_date, l.due_at, l.detected_at, l.threshold_number,
l.threshold_datepart, l.threshold_own, l.end_date, l.completed_successfully

-- name: columns
l.id, l.pipeline_execution_id, l.pipeline_id,
(SELECT p.name FROM pipeline AS p WHERE p.id = l.pipeline_id) AS pipeline_name, l.start_date, l.due_at, l.detected_at,
l.threshold_number, l.threshold_datepart::TEXT AS threshold_datepart, l.threshold_own, l.end_date,
l.completed_successfully
