-- $1 runs of 10,000 pipelines in the thirty days before the instant $2, of half a minute to twenty minutes. Of the
-- last thousand those run still whose turn it is not to be over; of all the others one in 5,000 does.
INSERT INTO pipeline_execution (
    pipeline_id, start_date, end_date, completed_successfully, inserts, updates, soft_deletes, total_rows
)
SELECT
    1 + n * 7919 % 10000,
    s.start_date,
    s.end_date,
    CASE WHEN s.end_date IS NOT NULL THEN n % 50 <> 0 END,
    CASE WHEN s.end_date IS NOT NULL THEN 100 END,
    CASE WHEN s.end_date IS NOT NULL THEN 10 END,
    CASE WHEN s.end_date IS NOT NULL THEN 1 END,
    CASE WHEN s.end_date IS NOT NULL THEN 111 END
FROM generate_series(1, $1::BIGINT) AS n
CROSS JOIN LATERAL (
    SELECT
        b.start_date,
        CASE WHEN n % 5000 <> 0 AND b.start_date + b.taken < $2::TIMESTAMPTZ THEN b.start_date + b.taken END AS end_date
    FROM (
        SELECT
            $2::TIMESTAMPTZ - ($1::BIGINT - n) * INTERVAL '30 days' / $1::BIGINT AS start_date,
            make_interval(secs => CASE WHEN n % 40 = 0 THEN 10000 ELSE 30 + n * 104729 % 1170 END) AS taken
    ) AS b
) AS s
ORDER BY n;
