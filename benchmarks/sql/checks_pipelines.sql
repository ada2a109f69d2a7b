-- $1 pipelines of ten types at the instant $2. A type allows a day without a change and an hour for a run; one has no
-- thresholds, one is muted. Every fifth pipeline has thresholds of its own, of any part of the calendar. One in 100 is
-- stale, one in 50 was made lately and never wrote, one in 97 is inactive, one in 89 muted.
WITH kinds AS (
    INSERT INTO pipeline_type (
        name, name_key, created_at, freshness_number, freshness_datepart, timeliness_number, timeliness_datepart,
        mute_freshness_check, mute_timeliness_check
    )
    SELECT 'type ' || t, sha256(('type ' || t)::BYTEA), '2020-01-01', c.number, c.day, c.number, c.hour, t = 10, t = 10
    FROM generate_series(1, 10) AS t
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN t <> 9 THEN 1 END AS number,
            CASE WHEN t <> 9 THEN 'day'::datepart END AS day,
            CASE WHEN t <> 9 THEN 'hour'::datepart END AS hour
    ) AS c
    RETURNING id
)
INSERT INTO pipeline (
    name, name_key, declaration, pipeline_type_id, created_at, last_target_insert, last_target_update,
    freshness_number, freshness_datepart, timeliness_number, timeliness_datepart, mute_freshness_check, active
)
SELECT
    'pipeline ' || n,
    sha256(n::TEXT::BYTEA),
    '',
    k.id,
    CASE WHEN n % 50 = 1 THEN $2::TIMESTAMPTZ - INTERVAL '5 minutes' ELSE '2020-01-01' END,
    CASE
        WHEN n % 50 = 1 THEN NULL
        WHEN n % 100 = 2 THEN $2::TIMESTAMPTZ - INTERVAL '3 years'
        ELSE $2::TIMESTAMPTZ - make_interval(secs => n % 3000)
    END,
    CASE WHEN n % 3 = 0 AND n % 100 > 2 THEN $2::TIMESTAMPTZ - make_interval(secs => n % 2000) END,
    CASE WHEN n % 5 = 0 THEN 90 END,
    CASE WHEN n % 5 = 0 THEN (enum_range(NULL::datepart))[1 + n / 5 % 7] END,
    CASE WHEN n % 5 = 0 THEN 90 END,
    CASE WHEN n % 5 = 0 THEN (enum_range(NULL::datepart))[1 + n / 5 % 7] END,
    n % 89 = 0,
    n % 97 <> 0
FROM generate_series(1, $1::INTEGER) AS n
INNER JOIN kinds AS k ON k.id = 1 + n / 100 % 10
ORDER BY n;
