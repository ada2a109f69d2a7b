-- Rules for the metrics $1 of every pipeline.
INSERT INTO anomaly_detection_rule (
    pipeline_id, metric_field, declaration, z_threshold, lookback_days, minimum_executions, active, created_at
)
SELECT p.id, m.metric, '', 3, 30, 30, TRUE, '2020-01-01'
FROM pipeline AS p, unnest($1::TEXT[]) AS m (metric);
