-- Makes $1 pipelines that are fresh at the instant $2 stale, and lets $1 of those that have an open spell write again.
WITH recovering AS (
    SELECT l.pipeline_id AS id
    FROM freshness_pipeline_log AS l
    WHERE l.ended_at IS NULL
    ORDER BY l.id
    LIMIT $1::INTEGER
),
turning AS (
    SELECT p.id
    FROM pipeline AS p
    INNER JOIN pipeline_type AS t ON t.id = p.pipeline_type_id
    WHERE p.active AND NOT p.mute_freshness_check AND NOT t.mute_freshness_check
        AND p.freshness_number IS NULL AND t.freshness_number IS NOT NULL
        AND p.last_target_insert > $2::TIMESTAMPTZ - INTERVAL '1 hour'
        AND p.id NOT IN (SELECT l.pipeline_id FROM freshness_pipeline_log AS l)
    LIMIT $1::INTEGER
)
UPDATE pipeline AS p
SET last_target_insert = CASE WHEN r.id IS NULL THEN $2::TIMESTAMPTZ - INTERVAL '1 year' ELSE $2::TIMESTAMPTZ END,
    last_target_update = NULL
FROM (SELECT * FROM turning UNION ALL SELECT * FROM recovering) AS c
LEFT JOIN recovering AS r ON r.id = c.id
WHERE p.id = c.id;
