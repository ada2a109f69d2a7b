-- name: record
-- Ends the open spell unless it has this state, and then opens one of this state where it is one to record. Of such
-- statements at the same time the second finds nothing to end, and the open spell of the first in its way. What ended is
-- counted, so that the one ends before the other opens.
WITH ended AS (
    UPDATE queue_spell AS s
    SET ended_at = GREATEST(:now, s.opened_at)
    WHERE s.ended_at IS NULL AND s.state <> :state
    RETURNING s.id, s.state, s.pending, s.opened_at, s.ended_at
),
opened AS (
    INSERT INTO queue_spell AS s (state, pending, opened_at)
    SELECT :state, :pending, :now
    FROM (SELECT count(*) AS spells FROM ended) AS e
    WHERE :state <> 'ok'
    ON CONFLICT ((TRUE)) WHERE ended_at IS NULL DO NOTHING
    RETURNING s.id, s.state, s.pending, s.opened_at, s.ended_at
)
SELECT e.id, e.state, e.pending, e.opened_at, e.ended_at
FROM ended AS e
UNION ALL
SELECT o.id, o.state, o.pending, o.opened_at, o.ended_at
FROM opened AS o;
