-- name: lasting
-- The open incidents of rules, and others, held so that cleaning up leaves alone what goes on.
WITH wanted AS MATERIALIZED (
    SELECT o.id
    FROM anomaly_incident AS o
    WHERE o.rule_id = ANY(:rule_ids::BIGINT[]) AND o.ended_at IS NULL
    UNION ALL
    SELECT n.id
    FROM unnest(:others::BIGINT[]) AS n (id)
)
SELECT
    -- include: incident
FROM anomaly_incident AS i
WHERE i.id = ANY(ARRAY(SELECT w.id FROM wanted AS w))
ORDER BY i.id
FOR NO KEY UPDATE;

-- name: around
-- Of runs that are judged late the verdicts just before and just after, learning aside, of up to 2,000 runs either
-- way, and the flags that are nearest: which are in an incident in whose time the run lies, if there is one.
SELECT l.rule_id, v.start_date, v.execution_id, v.incident_id
FROM unnest(
    :rule_ids::BIGINT[], :pipeline_ids::BIGINT[], :start_dates::TIMESTAMPTZ[], :execution_ids::BIGINT[]
) AS l (rule_id, pipeline_id, start_date, id)
CROSS JOIN LATERAL (
    (
        SELECT
            -- include: verdict
        FROM (
            SELECT e.id
            FROM pipeline_execution AS e
            WHERE e.pipeline_id = l.pipeline_id AND (e.start_date, e.id) < (l.start_date, l.id)
            ORDER BY e.start_date DESC, e.id DESC
            LIMIT 2000
        ) AS e
        CROSS JOIN LATERAL (
            SELECT r.*
            FROM anomaly_detection_result AS r
            WHERE r.pipeline_execution_id = e.id AND r.rule_id = l.rule_id AND r.standing <> 'learning'
            OFFSET 0
        ) AS r
        LIMIT 1
    )
    UNION ALL
    (
        SELECT
            -- include: verdict
        FROM (
            SELECT e.id
            FROM pipeline_execution AS e
            WHERE e.pipeline_id = l.pipeline_id AND (e.start_date, e.id) > (l.start_date, l.id)
            ORDER BY e.start_date, e.id
            LIMIT 2000
        ) AS e
        CROSS JOIN LATERAL (
            SELECT r.*
            FROM anomaly_detection_result AS r
            WHERE r.pipeline_execution_id = e.id AND r.rule_id = l.rule_id AND r.standing <> 'learning'
            OFFSET 0
        ) AS r
        LIMIT 1
    )
    UNION ALL
    (
        SELECT
            -- include: verdict
        FROM anomaly_detection_result AS r
        WHERE r.rule_id = l.rule_id AND r.start_date <= l.start_date
            AND r.standing = 'anomalous' AND r.unflagged_at IS NULL
        ORDER BY r.start_date DESC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT
            -- include: verdict
        FROM anomaly_detection_result AS r
        WHERE r.rule_id = l.rule_id AND r.start_date >= l.start_date
            AND r.standing = 'anomalous' AND r.unflagged_at IS NULL
        ORDER BY r.start_date
        LIMIT 1
    )
) AS v;

-- name: verdict
r.start_date, r.pipeline_execution_id AS execution_id,
CASE WHEN r.standing = 'anomalous' AND r.unflagged_at IS NULL THEN r.incident_id END AS incident_id

-- name: change_incidents
UPDATE anomaly_incident AS i
SET first_execution_id = c.first_execution_id,
    first_start = c.first_start,
    last_execution_id = c.last_execution_id,
    last_start = c.last_start,
    runs = c.runs,
    sentence = c.sentence,
    ended_at = c.ended_at,
    ending = c.ending
FROM unnest(
    :ids::BIGINT[], :first_execution_ids::BIGINT[], :first_starts::TIMESTAMPTZ[], :last_execution_ids::BIGINT[],
    :last_starts::TIMESTAMPTZ[], :runs::BIGINT[], :sentences::TEXT[], :ended_ats::TIMESTAMPTZ[], :endings::TEXT[]
) AS c (
    id, first_execution_id, first_start, last_execution_id, last_start, runs, sentence, ended_at, ending
)
WHERE i.id = c.id;

-- name: open_incidents
INSERT INTO anomaly_incident (
    rule_id, pipeline_id, metric_field, opened_at, first_execution_id, first_start, last_execution_id, last_start,
    runs, sentence, ended_at, ending
)
SELECT i.rule_id, i.pipeline_id, i.metric_field, i.opened_at, i.first_execution_id, i.first_start,
    i.last_execution_id, i.last_start, i.runs, i.sentence, i.ended_at, i.ending
FROM unnest(
    :rule_ids::BIGINT[], :pipeline_ids::BIGINT[], :metric_fields::TEXT[], :opened_ats::TIMESTAMPTZ[],
    :first_execution_ids::BIGINT[], :first_starts::TIMESTAMPTZ[], :last_execution_ids::BIGINT[],
    :last_starts::TIMESTAMPTZ[], :runs::BIGINT[], :sentences::TEXT[], :ended_ats::TIMESTAMPTZ[], :endings::TEXT[]
) WITH ORDINALITY AS i (
    rule_id, pipeline_id, metric_field, opened_at, first_execution_id, first_start, last_execution_id, last_start,
    runs, sentence, ended_at, ending, position
)
ORDER BY i.position
RETURNING id, rule_id, first_execution_id;

-- name: inactive
-- Ends what lasts of pipelines that are not active any more; answers these incidents. One that somebody changes just
-- now is left to the next time, so this waits for nobody.
WITH over AS MATERIALIZED (
    SELECT i.id
    FROM anomaly_incident AS i
    CROSS JOIN LATERAL (
        SELECT w.active
        FROM pipeline AS w
        WHERE w.id = i.pipeline_id
        -- Looked up one by one: without this the planner might rather read all pipelines.
        OFFSET 0
    ) AS p
    WHERE i.ended_at IS NULL AND NOT p.active
    FOR NO KEY UPDATE OF i SKIP LOCKED
),
ended AS (
    UPDATE anomaly_incident AS i
    SET ended_at = GREATEST(:now, i.opened_at),
        ending = 'inactive'
    FROM over AS o
    WHERE i.id = o.id
    RETURNING
        -- include: incident
)
SELECT
    -- include: incident
FROM ended AS i
ORDER BY i.id;

-- name: incident
i.id, i.rule_id, i.pipeline_id, i.metric_field, i.opened_at, i.first_execution_id, i.first_start,
i.last_execution_id, i.last_start, i.runs, i.sentence, i.ended_at, i.ending
