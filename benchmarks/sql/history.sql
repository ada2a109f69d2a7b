-- $1 executions, of which the last $2 are running, over 1,000 pipelines. Whatever $1: of every 10,000 in a row
-- 55 belong to each of the pipelines 1 to 100, and 5 to each of the others.
INSERT INTO pipeline_execution (
    pipeline_id, start_date, end_date, completed_successfully, inserts, updates, soft_deletes, total_rows,
    watermark, next_watermark
)
SELECT
    CASE WHEN s.place < 5500 THEN 1 + s.place % 100 ELSE 101 + (s.place - 5500) % 900 END,
    s.start_date,
    CASE WHEN s.over THEN s.start_date + INTERVAL '1 minute' END,
    CASE WHEN s.over THEN TRUE END,
    CASE WHEN s.over THEN 100 END,
    CASE WHEN s.over THEN 10 END,
    CASE WHEN s.over THEN 1 END,
    CASE WHEN s.over THEN 111 END,
    '41',
    '42'
FROM (
    SELECT
        (n * 7919) % 10000 AS place,
        '2026-01-01T00:00:00Z'::TIMESTAMPTZ - make_interval(secs => 10 * ($1::BIGINT - n)) AS start_date,
        n <= $1::BIGINT - $2::BIGINT AS over
    FROM generate_series(1, $1::BIGINT) AS n
) AS s;
