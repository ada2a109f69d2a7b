-- Ends $1 of the runs that are on record as late and running, at the instant $2; as many others are there now that
-- began two hours before and run still.
WITH ended AS (
    UPDATE pipeline_execution AS e
    SET end_date = $2::TIMESTAMPTZ,
        completed_successfully = TRUE
    FROM (
        SELECT l.pipeline_execution_id AS id
        FROM timeliness_pipeline_execution_log AS l
        WHERE l.end_date IS NULL
        ORDER BY l.id
        LIMIT $1::INTEGER
    ) AS o
    WHERE e.id = o.id
    RETURNING e.pipeline_id
)
INSERT INTO pipeline_execution (pipeline_id, start_date)
SELECT e.pipeline_id, $2::TIMESTAMPTZ - INTERVAL '2 hours'
FROM ended AS e;
