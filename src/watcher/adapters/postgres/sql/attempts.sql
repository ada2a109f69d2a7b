-- name: begun
-- Counts the attempt, and forgets messages of which nothing was heard for long.
WITH forgotten AS (
    DELETE FROM job_attempt AS o
    WHERE o.message IN (
            SELECT a.message
            FROM job_attempt AS a
            WHERE a.begun_at < :forgotten_before AND a.message <> :message
            ORDER BY a.begun_at
            LIMIT 100
            FOR UPDATE SKIP LOCKED
        )
)
INSERT INTO job_attempt AS a (message, job, attempts, begun_at)
VALUES (:message, :job, 1, :now)
ON CONFLICT (message) DO UPDATE
SET attempts = a.attempts + 1,
    begun_at = EXCLUDED.begun_at
RETURNING a.attempts;

-- name: ended
DELETE FROM job_attempt AS a
WHERE a.message = :message;
