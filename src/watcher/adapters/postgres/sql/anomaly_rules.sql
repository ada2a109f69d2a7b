-- name: declared
-- The rule for that metric of that pipeline, if its last declaration had this content.
SELECT id
FROM anomaly_detection_rule
WHERE pipeline_id = :pipeline_id AND metric_field = :metric_field AND declaration = :declaration;

-- name: create
-- Nothing where the pipeline is unknown, or where there is a rule already.
INSERT INTO anomaly_detection_rule (
    pipeline_id, metric_field, declaration, z_threshold, lookback_days, minimum_executions, active, created_at
)
SELECT p.id, :metric_field, :declaration, :z_threshold, :lookback_days, :minimum_executions, :active, :now
FROM pipeline AS p
WHERE p.id = :pipeline_id
ON CONFLICT (pipeline_id, metric_field) DO NOTHING
RETURNING id;

-- name: hold
-- All rules of a pipeline by ascending id, held until the transaction ends. Who has the first one may judge its runs
-- and change its incidents.
SELECT
    -- include: columns
FROM anomaly_detection_rule AS r
WHERE r.pipeline_id = :pipeline_id
ORDER BY r.id
FOR NO KEY UPDATE;

-- name: change
UPDATE anomaly_detection_rule
SET declaration = COALESCE(:declaration, declaration),
    z_threshold = :z_threshold,
    lookback_days = :lookback_days,
    minimum_executions = :minimum_executions,
    active = :active,
    updated_at = :updated_at
WHERE id = :id;

-- name: deactivated
-- Ends what lasts of a rule that is not active any more.
UPDATE anomaly_incident
SET ended_at = GREATEST(:now, opened_at),
    ending = 'deactivated'
WHERE rule_id = :id AND ended_at IS NULL;

-- name: get
SELECT
    -- include: columns
FROM anomaly_detection_rule AS r
WHERE r.id = :id;

-- name: page
SELECT
    -- include: columns
FROM anomaly_detection_rule AS r
WHERE r.id > :after
ORDER BY r.id
LIMIT :limit;

-- name: page_of_pipeline
SELECT
    -- include: columns
FROM anomaly_detection_rule AS r
WHERE r.pipeline_id = :pipeline_id AND r.id > :after
ORDER BY r.id
LIMIT :limit;

-- name: columns
r.id, r.pipeline_id, r.metric_field, r.z_threshold, r.lookback_days, r.minimum_executions, r.active, r.created_at,
r.updated_at
