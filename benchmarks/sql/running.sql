-- $1 running executions with the ids 1 to $1, over the pipelines 1 to $2.
INSERT INTO pipeline_execution (pipeline_id, start_date, watermark, next_watermark)
SELECT
    1 + floor(random() * $2::BIGINT)::BIGINT,
    '2026-01-01T00:00:00Z'::TIMESTAMPTZ - make_interval(secs => $1::BIGINT - n),
    '41',
    '42'
FROM generate_series(1, $1::BIGINT) AS n;
