-- name: known_to
SELECT known_to
FROM report_upkeep;

-- name: names
-- How a name is folded the database does not know: whose name has a part in it is for the domain to say.
SELECT p.id, p.name
FROM pipeline AS p;

-- name: page
-- Kept days as they are where they are known to be true, the others computed from their runs. `known_to` is read
-- in the same snapshot before: the planner has to know it to see that few runs lie beyond. Days are given as their
-- distance from the first: the driver takes the first and the last of the calendar for the infinities.
WITH found AS (
    (
        SELECT d.pipeline_id, d.day, d.running = 0 AS kept
        FROM pipeline_day AS d
        -- include: wanted
        ORDER BY d.day DESC, d.pipeline_id
        LIMIT :limit
    )
    UNION ALL
    (
        SELECT DISTINCT d.pipeline_id, d.day, FALSE AS kept
        FROM (
            SELECT e.pipeline_id, (e.start_date AT TIME ZONE 'UTC')::DATE AS day
            FROM pipeline_execution AS e
            WHERE e.id > :known_to
        ) AS d
        -- include: wanted
        ORDER BY d.day DESC, d.pipeline_id
        LIMIT :limit
    )
),

page AS MATERIALIZED (
    SELECT f.pipeline_id, f.day, bool_and(f.kept) AS kept
    FROM found AS f
    GROUP BY f.pipeline_id, f.day
    ORDER BY f.day DESC, f.pipeline_id
    LIMIT :limit
),

told AS (
    SELECT
        -- include: columns
    FROM page AS p
    INNER JOIN pipeline_day AS d ON d.pipeline_id = p.pipeline_id AND d.day = p.day
    WHERE p.kept
    UNION ALL
    SELECT
        -- include: columns
    FROM page AS p
    CROSS JOIN LATERAL (
        -- include: totals
    ) AS d
    WHERE NOT p.kept
)

SELECT w.name AS pipeline_name, t.name AS pipeline_type_name, told.*
FROM told
INNER JOIN pipeline AS w ON w.id = told.pipeline_id
INNER JOIN pipeline_type AS t ON t.id = w.pipeline_type_id
ORDER BY told.day DESC, told.pipeline_id;

-- name: wanted
-- Of days (`d`) those that meet the conditions and follow the last one read.
INNER JOIN pipeline AS w ON w.id = d.pipeline_id
INNER JOIN pipeline_type AS t ON t.id = w.pipeline_type_id
WHERE (:pipeline_id::BIGINT IS NULL OR w.id = :pipeline_id)
    AND (:named::BIGINT[] IS NULL OR w.id = ANY(:named))
    AND (:name_key::BYTEA IS NULL OR w.name_key = :name_key)
    AND (:type_key::BYTEA IS NULL OR t.name_key = :type_key)
    AND d.day >= DATE '0001-01-01' + :day_from::INTEGER
    AND d.day <= DATE '0001-01-01' + :day_to::INTEGER
    AND d.day <= DATE '0001-01-01' + :after_day::INTEGER
    AND (d.day < DATE '0001-01-01' + :after_day::INTEGER OR d.pipeline_id > :after_pipeline)

-- name: columns
p.pipeline_id, p.day, d.executions, d.running, d.failures, d.inserts, d.updates, d.soft_deletes, d.total_rows,
d.duration, d.timed_rows, d.timed_duration, d.p95_duration

-- name: totals
-- What the runs of a day (`p`) add up to. The times of a run are subtracted as whole microseconds.
SELECT
    count(*) AS executions,
    count(*) FILTER (WHERE e.end_date IS NULL) AS running,
    count(*) FILTER (WHERE NOT e.completed_successfully) AS failures,
    COALESCE(sum(e.inserts), 0) AS inserts,
    COALESCE(sum(e.updates), 0) AS updates,
    COALESCE(sum(e.soft_deletes), 0) AS soft_deletes,
    COALESCE(sum(e.total_rows), 0) AS total_rows,
    COALESCE(sum(l.took), 0) AS duration,
    COALESCE(sum(e.total_rows) FILTER (WHERE e.throughput IS NOT NULL), 0) AS timed_rows,
    COALESCE(sum(l.took) FILTER (WHERE e.throughput IS NOT NULL), 0) AS timed_duration,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY l.took::DOUBLE PRECISION) AS p95_duration
FROM pipeline_execution AS e
CROSS JOIN LATERAL (
    SELECT (EXTRACT(EPOCH FROM (e.end_date - e.start_date)) * 1000000)::BIGINT AS took
) AS l
WHERE e.pipeline_id = p.pipeline_id
    AND e.start_date >= p.day::TIMESTAMP AT TIME ZONE 'UTC'
    AND e.start_date < (p.day + 1)::TIMESTAMP AT TIME ZONE 'UTC'

-- name: drawn
-- The last id that was given to a run. Of runs up to here some may not be on record yet: see `adding`.
SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END AS last
FROM pipeline_execution_id_seq;

-- name: adding
-- The transactions that may add runs. A statement takes this lock before it draws an id, and it is held to the end:
-- of those who drew an id before this is asked, everybody who is not through is in the answer.
SELECT l.virtualtransaction AS name
FROM pg_locks AS l
WHERE l.relation = 'pipeline_execution'::REGCLASS
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND l.mode = 'RowExclusiveLock'
    AND l.granted;

-- name: try_hold
SELECT known_to
FROM report_upkeep
FOR UPDATE SKIP LOCKED;

-- name: hold
-- Who changes kept days waits here for others who do, and only then looks at the runs.
SELECT known_to
FROM report_upkeep
FOR UPDATE;

-- name: begun
-- The days of runs that are not yet taken into account.
SELECT DISTINCT e.pipeline_id, (e.start_date AT TIME ZONE 'UTC')::DATE AS day
FROM pipeline_execution AS e
WHERE e.id > :after AND e.id <= :known_to;

-- name: ended
-- The days on which fewer runs are running than before: the only way in which they change without a new run.
SELECT d.pipeline_id, d.day
FROM pipeline_day AS d
LEFT JOIN (
    SELECT e.pipeline_id, (e.start_date AT TIME ZONE 'UTC')::DATE AS day, count(*) AS running
    FROM pipeline_execution AS e
    WHERE e.end_date IS NULL
    GROUP BY 1, 2
) AS r ON r.pipeline_id = d.pipeline_id AND r.day = d.day
WHERE d.running > 0 AND d.running <> COALESCE(r.running, 0)
LIMIT :limit;

-- name: keep
-- Computes days anew; by `hold` or `try_hold` nobody else does meanwhile.
INSERT INTO pipeline_day AS k (
    pipeline_id, day, executions, running, failures, inserts, updates, soft_deletes, total_rows,
    duration, timed_rows, timed_duration, p95_duration
)
SELECT
    -- include: columns
FROM (
    SELECT u.pipeline_id, DATE '0001-01-01' + u.day AS day
    FROM unnest(:pipeline_ids::BIGINT[], :days::INTEGER[]) AS u (pipeline_id, day)
) AS p
CROSS JOIN LATERAL (
    -- include: totals
) AS d
WHERE d.executions > 0
ON CONFLICT (pipeline_id, day) DO UPDATE
SET executions = excluded.executions,
    running = excluded.running,
    failures = excluded.failures,
    inserts = excluded.inserts,
    updates = excluded.updates,
    soft_deletes = excluded.soft_deletes,
    total_rows = excluded.total_rows,
    duration = excluded.duration,
    timed_rows = excluded.timed_rows,
    timed_duration = excluded.timed_duration,
    p95_duration = excluded.p95_duration;

-- name: drop_empty
-- Of these days those of which no run is left.
DELETE FROM pipeline_day AS d
USING unnest(:pipeline_ids::BIGINT[], :days::INTEGER[]) AS u (pipeline_id, day)
WHERE d.pipeline_id = u.pipeline_id
    AND d.day = DATE '0001-01-01' + u.day
    AND NOT EXISTS (
        SELECT
        FROM pipeline_execution AS e
        WHERE e.pipeline_id = d.pipeline_id
            AND e.start_date >= d.day::TIMESTAMP AT TIME ZONE 'UTC'
            AND e.start_date < (d.day + 1)::TIMESTAMP AT TIME ZONE 'UTC'
    );

-- name: known
UPDATE report_upkeep
SET known_to = :known_to
WHERE known_to < :known_to;
