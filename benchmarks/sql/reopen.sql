-- Makes the last $2 of the first $1 executions running ones again.
UPDATE pipeline_execution
SET end_date = NULL,
    completed_successfully = NULL,
    inserts = NULL,
    updates = NULL,
    soft_deletes = NULL,
    total_rows = NULL
WHERE id BETWEEN $1::BIGINT - $2::BIGINT + 1 AND $1::BIGINT AND end_date IS NOT NULL;
