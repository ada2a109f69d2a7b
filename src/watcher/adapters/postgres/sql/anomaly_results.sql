-- name: hold_pipeline
-- Waits for who judges the pipeline, and keeps others from it until the transaction ends.
SELECT r.id
FROM anomaly_detection_rule AS r
WHERE r.pipeline_id = :pipeline_id
ORDER BY r.id
LIMIT 1
FOR NO KEY UPDATE;

-- name: unflag
UPDATE anomaly_detection_result AS r
SET unflagged_at = :now
FROM anomaly_detection_rule AS w
WHERE w.pipeline_id = :pipeline_id AND w.metric_field = ANY(:metric_fields::TEXT[])
    AND r.pipeline_execution_id = :pipeline_execution_id AND r.rule_id = w.id
    AND r.standing = 'anomalous' AND r.unflagged_at IS NULL
RETURNING r.incident_id;

-- name: shrink
-- Incidents of which some runs were unflagged; one that lasts is over when none is left. The rule
-- `AnomalyIncident.without` of the domain.
UPDATE anomaly_incident AS i
SET runs = GREATEST(0, i.runs - u.runs),
    ended_at = CASE WHEN i.ended_at IS NULL AND i.runs <= u.runs THEN GREATEST(:now, i.opened_at) ELSE i.ended_at END,
    ending = CASE WHEN i.ended_at IS NULL AND i.runs <= u.runs THEN 'unflagged' ELSE i.ending END
FROM (
    SELECT g.id, count(*) AS runs
    FROM unnest(:ids::BIGINT[]) AS g (id)
    GROUP BY g.id
) AS u
WHERE i.id = u.id;

-- name: page_of_all
SELECT
    -- include: columns
FROM anomaly_detection_result AS r
WHERE TRUE
    -- include: slice

-- name: page_of_pipeline
SELECT
    -- include: columns
FROM anomaly_detection_result AS r
WHERE r.pipeline_id = :pipeline_id
    -- include: slice

-- name: page_of_flagged_in_pipeline
SELECT
    -- include: columns
FROM anomaly_detection_result AS r
WHERE r.pipeline_id = :pipeline_id AND r.standing = 'anomalous' AND r.unflagged_at IS NULL
    -- include: slice

-- name: page_of_execution
SELECT
    -- include: columns
FROM anomaly_detection_result AS r
WHERE r.pipeline_execution_id = :pipeline_execution_id
    -- include: slice

-- name: page_of_flagged
SELECT
    -- include: columns
FROM anomaly_detection_result AS r
WHERE r.standing = 'anomalous' AND r.unflagged_at IS NULL
    -- include: slice

-- name: slice
    AND r.id < COALESCE(:after, 9223372036854775807)
    AND (:pipeline_id::BIGINT IS NULL OR r.pipeline_id = :pipeline_id)
    AND (:pipeline_execution_id::BIGINT IS NULL OR r.pipeline_execution_id = :pipeline_execution_id)
    AND (:flagged::BOOLEAN IS NULL OR (r.standing = 'anomalous' AND r.unflagged_at IS NULL) = :flagged)
ORDER BY r.id DESC
LIMIT :limit

-- name: columns
r.id, r.pipeline_execution_id, r.rule_id, r.pipeline_id, r.metric_field, r.start_date, r.standing, r.value,
r.expected, r.low, r.high, r.score, r.bucket, r.history_size, r.missing, r.sentence, r.judged_at, r.unflagged_at

-- name: incidents_of_all
SELECT
    -- include: incident
FROM anomaly_incident AS i
WHERE TRUE
    -- include: incident_slice

-- name: incidents_of_pipeline
SELECT
    -- include: incident
FROM anomaly_incident AS i
WHERE i.pipeline_id = :pipeline_id
    -- include: incident_slice

-- name: incident_slice
    AND i.id < COALESCE(:after, 9223372036854775807)
    AND (:pipeline_id::BIGINT IS NULL OR i.pipeline_id = :pipeline_id)
    AND (:open::BOOLEAN IS NULL OR (i.ended_at IS NULL) = :open)
ORDER BY i.id DESC
LIMIT :limit

-- name: incident
i.id, i.rule_id, i.pipeline_id, i.metric_field, i.opened_at, i.first_execution_id, i.first_start,
i.last_execution_id, i.last_start, i.runs, i.sentence, i.ended_at, i.ending
