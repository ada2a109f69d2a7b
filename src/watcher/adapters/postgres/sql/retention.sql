-- name: old_trees
-- Of the next runs by their start, the roots of trees that are over since before an instant; and the last of those
-- runs, if there are as many as the limit, to go on from.
WITH reached AS MATERIALIZED (
    SELECT e.id, e.parent_id, e.start_date, e.end_date, row_number() OVER (ORDER BY e.start_date, e.id) AS position
    FROM pipeline_execution AS e
    WHERE e.start_date < :before AND (e.start_date, e.id) > (:after_start, :after_id)
    ORDER BY e.start_date, e.id
    LIMIT :limit
)

SELECT r.start_date, r.id, r.position, t.size
FROM reached AS r
LEFT JOIN LATERAL (
    SELECT 1 + count(*) AS size
    FROM pipeline_execution_closure AS c
    INNER JOIN pipeline_execution AS e ON e.id = c.descendant_id
    WHERE c.ancestor_id = r.id
    HAVING COALESCE(bool_and(COALESCE(e.end_date < :before, FALSE)), TRUE)
) AS t ON r.parent_id IS NULL AND r.end_date < :before
WHERE t.size > 0 OR r.position = :limit
ORDER BY r.position;

-- name: described
-- What belongs to trees. An execution has as many rows in the closure as it has ancestors: its depth.
SELECT count(*) AS executions, COALESCE(sum(t.depth), 0) AS pairs, count(l.id) AS timeliness_logs,
    COALESCE(sum(a.results), 0)::BIGINT AS anomaly_results
FROM (
    SELECT r.id, 0 AS depth
    FROM unnest(:roots::BIGINT[]) AS r (id)
    UNION ALL
    SELECT c.descendant_id, c.depth
    FROM pipeline_execution_closure AS c
    WHERE c.ancestor_id = ANY(:roots::BIGINT[])
) AS t
LEFT JOIN timeliness_pipeline_execution_log AS l ON l.pipeline_execution_id = t.id
CROSS JOIN LATERAL (
    SELECT count(*) AS results
    FROM anomaly_detection_result AS r
    WHERE r.pipeline_execution_id = t.id
) AS a;

-- name: hold
-- The runs of trees, as they are once they are held. Nobody can then begin a run below one of them.
SELECT t.root_id, t.depth, e.id, e.end_date, e.pipeline_id, (e.start_date AT TIME ZONE 'UTC')::DATE AS day
FROM (
    SELECT r.id AS root_id, r.id, 0 AS depth
    FROM unnest(:roots::BIGINT[]) AS r (id)
    UNION ALL
    SELECT c.ancestor_id, c.descendant_id, c.depth
    FROM pipeline_execution_closure AS c
    WHERE c.ancestor_id = ANY(:roots::BIGINT[])
) AS t
INNER JOIN pipeline_execution AS e ON e.id = t.id
ORDER BY e.id
FOR UPDATE OF e SKIP LOCKED;

-- name: sizes
-- How large trees are that are held: more than was held where a run began meanwhile, or somebody else held one.
SELECT r.id, 1 + count(c.descendant_id) AS size
FROM unnest(:roots::BIGINT[]) AS r (id)
LEFT JOIN pipeline_execution_closure AS c ON c.ancestor_id = r.id
GROUP BY r.id;

-- name: delete_pairs
WITH gone AS (
    DELETE FROM pipeline_execution_closure
    WHERE ancestor_id = ANY(:ids::BIGINT[])
    RETURNING ancestor_id
)

SELECT count(*) AS gone
FROM gone;

-- name: delete_timeliness_logs
WITH gone AS (
    DELETE FROM timeliness_pipeline_execution_log
    WHERE pipeline_execution_id = ANY(:ids::BIGINT[])
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: delete_anomaly_results
-- The verdicts on these runs, and that they wait for one.
WITH waiting AS (
    DELETE FROM anomaly_pending
    WHERE pipeline_execution_id = ANY(:ids::BIGINT[])
),
gone AS (
    DELETE FROM anomaly_detection_result
    WHERE pipeline_execution_id = ANY(:ids::BIGINT[])
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: delete_anomaly_incidents
-- The incidents of which these runs are the last ones. One that a judge holds may be about to go on: it is waited for,
-- and stays if it did.
DELETE FROM anomaly_incident
WHERE id = ANY(ARRAY(
    SELECT i.id
    FROM anomaly_incident AS i
    WHERE i.last_execution_id = ANY(:ids::BIGINT[])
    ORDER BY i.id
    FOR UPDATE
));

-- name: delete_executions
WITH gone AS (
    DELETE FROM pipeline_execution
    WHERE id = ANY(:ids::BIGINT[])
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: delete_freshness_pipeline_logs
WITH gone AS (
    DELETE FROM freshness_pipeline_log
    WHERE id = ANY(ARRAY(
        SELECT s.id
        FROM freshness_pipeline_log AS s
        WHERE s.ended_at < :before
            AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'freshness' AND a.spell_id = s.id AND a.ended_at IS NULL OFFSET 0)
        ORDER BY s.ended_at
        LIMIT :limit
        FOR UPDATE OF s SKIP LOCKED
    ))
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: old_freshness_pipeline_logs
SELECT count(*) AS old
FROM freshness_pipeline_log AS s
WHERE s.ended_at < :before
    AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'freshness' AND a.spell_id = s.id AND a.ended_at IS NULL OFFSET 0);

-- name: delete_alerts
WITH gone AS (
    DELETE FROM alert
    WHERE id IN (
        SELECT a.id
        FROM alert AS a
        WHERE a.ended_at < :before
        ORDER BY a.ended_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: old_alerts
SELECT count(*) AS old
FROM alert
WHERE ended_at < :before;

-- name: delete_alert_messages
-- With their deliveries. A message that began an alert on record is kept with it.
WITH gone AS (
    DELETE FROM alert_message
    WHERE id IN (
        SELECT m.id
        FROM alert_message AS m
        WHERE m.created_at < :before AND NOT EXISTS (SELECT FROM alert AS a WHERE a.opened_in = m.id)
        ORDER BY m.created_at
        LIMIT :limit
        FOR UPDATE OF m SKIP LOCKED
    )
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: old_alert_messages
SELECT count(*) AS old
FROM alert_message AS m
WHERE m.created_at < :before
    AND NOT EXISTS (
        SELECT FROM alert AS a WHERE a.opened_in = m.id AND (a.ended_at IS NULL OR a.ended_at >= :before)
    );

-- name: delete_queue_spells
-- One spell begins after the other has ended, so those that began first are those that ended first.
WITH gone AS (
    DELETE FROM queue_spell
    WHERE id = ANY(ARRAY(
        SELECT s.id
        FROM queue_spell AS s
        WHERE s.opened_at < :before AND s.ended_at < :before
            AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'queue' AND a.spell_id = s.id AND a.ended_at IS NULL OFFSET 0)
        ORDER BY s.opened_at
        LIMIT :limit
        FOR UPDATE OF s SKIP LOCKED
    ))
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: old_queue_spells
SELECT count(*) AS old
FROM queue_spell AS s
WHERE s.opened_at < :before AND s.ended_at < :before
    AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'queue' AND a.spell_id = s.id AND a.ended_at IS NULL OFFSET 0);

-- name: delete_error_spells
-- Of each source one begins after the other has ended, so about as those of queues.
WITH gone AS (
    DELETE FROM error_spell
    WHERE id = ANY(ARRAY(
        SELECT s.id
        FROM error_spell AS s
        WHERE s.opened_at < :before AND s.ended_at < :before
            AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'errors' AND a.spell_id = s.id AND a.ended_at IS NULL OFFSET 0)
        ORDER BY s.opened_at
        LIMIT :limit
        FOR UPDATE OF s SKIP LOCKED
    ))
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: old_error_spells
SELECT count(*) AS old
FROM error_spell AS s
WHERE s.opened_at < :before AND s.ended_at < :before
    AND NOT EXISTS (SELECT FROM alert AS a WHERE a.kind = 'errors' AND a.spell_id = s.id AND a.ended_at IS NULL OFFSET 0);

-- name: delete_api_keys
-- A key is over when it was revoked, or expired: of nulls `LEAST` takes no notice.
WITH gone AS (
    DELETE FROM api_key
    WHERE id = ANY(ARRAY(
        SELECT k.id
        FROM api_key AS k
        WHERE LEAST(k.revoked_at, k.expires_at) < :before
        ORDER BY LEAST(k.revoked_at, k.expires_at)
        LIMIT :limit
        FOR UPDATE OF k SKIP LOCKED
    ))
    RETURNING id
)

SELECT count(*) AS gone
FROM gone;

-- name: old_api_keys
SELECT count(*) AS old
FROM api_key AS k
WHERE LEAST(k.revoked_at, k.expires_at) < :before;
