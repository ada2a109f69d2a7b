-- name: add
-- A process that did not hear that its slots were kept sends them again.
WITH forgotten AS (
    DELETE FROM error_slot AS o
    WHERE (o.began_at, o.process, o.source) IN (
            SELECT e.began_at, e.process, e.source
            FROM error_slot AS e
            WHERE e.began_at < :forgotten_before
            ORDER BY e.began_at, e.process, e.source
            LIMIT 1000
            FOR UPDATE SKIP LOCKED
        )
)
INSERT INTO error_slot AS s (began_at, process, source, total, failed)
SELECT n.began_at, :process, n.source, n.total, n.failed
FROM unnest(:began_at::TIMESTAMPTZ[], :sources::TEXT[], :totals::BIGINT[], :failures::BIGINT[])
    AS n (began_at, source, total, failed)
ORDER BY n.began_at, n.source
ON CONFLICT (began_at, process, source) DO NOTHING;

-- name: looked
SELECT s.source, sum(s.total)::BIGINT AS total, sum(s.failed)::BIGINT AS failed, FALSE AS lasts
FROM error_slot AS s
WHERE s.began_at >= :since
GROUP BY s.source
UNION ALL
SELECT p.source, 0, 0, TRUE
FROM error_spell AS p
WHERE p.ended_at IS NULL;

-- name: record
-- What was ended or opened by another meanwhile is left alone.
WITH ended AS (
    UPDATE error_spell AS s
    SET ended_at = GREATEST(:now, s.opened_at)
    WHERE s.ended_at IS NULL AND s.source = ANY(:ended::TEXT[])
    RETURNING s.id, s.source, s.total, s.failed, s.window_seconds, s.opened_at, s.ended_at
),
opened AS (
    INSERT INTO error_spell AS s (source, total, failed, window_seconds, opened_at)
    SELECT n.source, n.total, n.failed, :window_seconds, :now
    FROM unnest(:sources::TEXT[], :totals::BIGINT[], :failures::BIGINT[]) AS n (source, total, failed)
    ORDER BY n.source
    ON CONFLICT (source) WHERE ended_at IS NULL DO NOTHING
    RETURNING s.id, s.source, s.total, s.failed, s.window_seconds, s.opened_at, s.ended_at
)
SELECT e.id, e.source, e.total, e.failed, e.window_seconds, e.opened_at, e.ended_at
FROM ended AS e
UNION ALL
SELECT o.id, o.source, o.total, o.failed, o.window_seconds, o.opened_at, o.ended_at
FROM opened AS o;
