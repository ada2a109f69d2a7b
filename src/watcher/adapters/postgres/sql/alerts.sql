-- name: hold
-- Who holds this row composes; the others follow. The first pass ever sets when alerting began; that this lies ahead
-- says a wrong clock.
UPDATE alert_upkeep
SET activated_at = LEAST(activated_at, :now)
RETURNING activated_at;

-- name: untold
-- What began and was not told: what goes into one message each.
SELECT a.kind, a.severity, array_agg(a.id ORDER BY a.id) AS ids
FROM alert AS a
WHERE a.opened_in IS NULL
GROUP BY a.kind, a.severity
ORDER BY a.kind, a.severity;

-- name: untold_ends
-- What is over, by the channels that heard of its beginning and not of its end: what goes into one message each.
SELECT o.kind, o.channels, array_agg(o.id ORDER BY o.id) AS ids
FROM (
    SELECT a.id, a.kind, c.channels
    FROM alert AS a
    CROSS JOIN LATERAL (
        SELECT array_agg(d.channel ORDER BY d.channel) AS channels
        FROM alert_delivery AS d
        WHERE d.message_id = a.opened_in AND d.state = 'delivered' AND d.channel = ANY(:channels::TEXT[])
            AND NOT EXISTS (
                SELECT FROM alert_delivery AS t WHERE t.message_id = ANY(a.ended_in) AND t.channel = d.channel
            )
        OFFSET 0
    ) AS c
    WHERE a.ended_at IS NOT NULL AND NOT a.settled AND a.end_learned_at >= :recent AND c.channels IS NOT NULL
) AS o
GROUP BY o.kind, o.channels
ORDER BY o.kind, o.channels;

-- name: told
SELECT (SELECT p.name FROM pipeline AS p WHERE p.id = a.pipeline_id) AS pipeline_name, a.facts, a.opened_at, a.ended_at
FROM alert AS a
WHERE a.id = ANY(:ids::BIGINT[])
ORDER BY a.id;

-- name: write
-- A message, due at once on each of its channels.
WITH message AS (
    INSERT INTO alert_message (kind, severity, ending, title, text, created_at)
    VALUES (:kind, :severity, :ending, :title, :text, :now)
    RETURNING id
),
sent AS (
    INSERT INTO alert_delivery (message_id, channel, next_attempt_at, give_up_at)
    SELECT m.id, c.name, :now, :give_up_at
    FROM message AS m, unnest(:channels::TEXT[]) AS c (name)
    ORDER BY c.name
)
SELECT m.id
FROM message AS m;

-- name: tell
-- What was over when it was told has no end to be told any more.
UPDATE alert AS a
SET opened_in = :message_id,
    settled = a.ended_at IS NOT NULL
WHERE a.id = ANY(:ids::BIGINT[]);

-- name: tell_end
UPDATE alert AS a
SET ended_in = a.ended_in || :message_id::BIGINT
WHERE a.id = ANY(:ids::BIGINT[]);

-- name: settle
-- What is over and needs no further look: its end was told wherever its beginning was delivered, and it is delivered
-- nowhere else any more; or it is known to be over for too long.
UPDATE alert AS a
SET settled = TRUE
WHERE a.ended_at IS NOT NULL AND NOT a.settled AND (
        a.end_learned_at < :recent
        OR NOT EXISTS (
            SELECT
            FROM alert_delivery AS d
            WHERE d.message_id = a.opened_in AND (
                    d.state IN ('pending', 'failed')
                    OR (
                        d.state = 'delivered' AND NOT EXISTS (
                            SELECT
                            FROM alert_delivery AS t
                            WHERE t.message_id = ANY(a.ended_in) AND t.channel = d.channel
                        )
                    )
                )
        )
    );

-- name: page_of_all
SELECT
    -- include: columns
FROM alert AS a
WHERE TRUE
    -- include: slice

-- name: page_of_kind
SELECT
    -- include: columns
FROM alert AS a
WHERE a.kind = :kind
    -- include: slice

-- name: page_of_open
SELECT
    -- include: columns
FROM alert AS a
WHERE a.ended_at IS NULL
    -- include: slice

-- name: slice
    AND a.id < COALESCE(:after, 9223372036854775807)
    AND (:kind::TEXT IS NULL OR a.kind = :kind)
    AND (:open::BOOLEAN IS NULL OR (a.ended_at IS NULL) = :open)
ORDER BY a.id DESC
LIMIT :limit

-- name: columns
a.id, a.kind, a.spell_id, a.pipeline_id, (SELECT p.name FROM pipeline AS p WHERE p.id = a.pipeline_id) AS pipeline_name,
a.opened_at, a.ended_at, a.severity, a.facts, a.opened_in AS opening_message_id,
(SELECT min(d.delivered_at) FROM alert_delivery AS d WHERE d.message_id = a.opened_in) AS opening_delivered_at,
a.ended_in AS ending_message_ids,
(SELECT min(d.delivered_at) FROM alert_delivery AS d WHERE d.message_id = ANY(a.ended_in)) AS ending_delivered_at
