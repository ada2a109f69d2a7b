-- name: take
-- Of all who see this tick at the same time one becomes its taker; who took it may take it again.
INSERT INTO job_tick AS t (job, tick, taker, taken_at)
VALUES (:job, :tick, :taker, :now)
ON CONFLICT (job) DO UPDATE
SET tick = EXCLUDED.tick,
    taker = EXCLUDED.taker,
    taken_at = EXCLUDED.taken_at
WHERE t.tick < EXCLUDED.tick OR (t.tick = EXCLUDED.tick AND t.taker = EXCLUDED.taker)
RETURNING t.job;
