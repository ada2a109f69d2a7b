-- The last $1 runs of each pipeline wait to be judged.
INSERT INTO anomaly_pending (pipeline_execution_id, pipeline_id, rule_ids)
SELECT e.id, p.id, (SELECT array_agg(r.id) FROM anomaly_detection_rule AS r WHERE r.pipeline_id = p.id)
FROM pipeline AS p
CROSS JOIN LATERAL (
    SELECT x.id
    FROM pipeline_execution AS x
    WHERE x.pipeline_id = p.id
    ORDER BY x.start_date DESC
    LIMIT $1::INTEGER
) AS e;
