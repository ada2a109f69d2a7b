-- The last $1 runs of each pipeline, or of $3 alone, wait to be judged by the first $2 of its rules.
INSERT INTO anomaly_pending (pipeline_execution_id, pipeline_id, rule_ids)
SELECT e.id, p.id, ARRAY(
    SELECT r.id
    FROM anomaly_detection_rule AS r
    WHERE r.pipeline_id = p.id
    ORDER BY r.id
    LIMIT $2::INTEGER
)
FROM pipeline AS p
CROSS JOIN LATERAL (
    SELECT x.id
    FROM pipeline_execution AS x
    WHERE x.pipeline_id = p.id
    ORDER BY x.start_date DESC
    LIMIT $1::INTEGER
) AS e
WHERE p.id = COALESCE($3::BIGINT, p.id);
