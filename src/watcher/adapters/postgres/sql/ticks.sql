-- name: take
-- Of all who see this tick at the same time one becomes its taker; who took it may take it again. A tick that lies
-- beyond what is believed was taken by a wrong clock. What was there before is read as of the statement's beginning.
INSERT INTO job_tick AS t (job, tick, taker, taken_at)
VALUES (:job, :tick, :taker, :now)
ON CONFLICT (job) DO UPDATE
SET tick = EXCLUDED.tick,
    taker = EXCLUDED.taker,
    taken_at = EXCLUDED.taken_at
WHERE t.tick < EXCLUDED.tick
   OR (t.tick = EXCLUDED.tick AND t.taker = EXCLUDED.taker)
   OR (t.tick > EXCLUDED.tick AND t.tick > :believed)
RETURNING t.job, (SELECT b.tick FROM job_tick AS b WHERE b.job = t.job) AS before;
