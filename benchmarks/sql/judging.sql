-- The history of each pipeline, or of $3 alone: $1 runs, one every $2 minutes, that vary by a quarter.
INSERT INTO pipeline_execution (
    pipeline_id, start_date, end_date, completed_successfully, inserts, updates, soft_deletes, total_rows
)
SELECT p.id, t.start_date, t.start_date + make_interval(secs => 50 + n % 17), TRUE, 800 + n * 7919 % 400,
    400 + n * 104729 % 200, 100 + n * 1299709 % 50, 1000 + n * 15485863 % 500
FROM generate_series(1, $1::BIGINT) AS n
CROSS JOIN pipeline AS p
CROSS JOIN LATERAL (
    SELECT '2026-01-01'::TIMESTAMPTZ - ($1 - n) * make_interval(mins => $2::INTEGER) + p.id * INTERVAL '1 second' AS start_date
) AS t
WHERE p.id = COALESCE($3::BIGINT, p.id)
ORDER BY n, p.id;
