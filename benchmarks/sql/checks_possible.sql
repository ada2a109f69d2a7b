-- How many runs can be late at the instant $1, of those that ended since $2 or still run, and how many are on record
-- as running.
SELECT
    (
        SELECT count(*)
        FROM pipeline_execution AS e
        WHERE e.end_date IS NULL AND e.start_date < $1::TIMESTAMPTZ - INTERVAL '1 minute'
    ) + (
        SELECT count(*)
        FROM pipeline_execution AS e
        WHERE e.end_date >= $2::TIMESTAMPTZ AND e.duration_seconds >= 60
    ) + (
        SELECT count(*)
        FROM timeliness_pipeline_execution_log AS l
        WHERE l.end_date IS NULL
    ) AS possible;
