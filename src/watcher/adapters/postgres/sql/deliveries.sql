-- name: claim
-- Takes what is longest due on a channel, which nobody else is just taking, until an instant.
WITH due AS MATERIALIZED (
    SELECT o.id
    FROM alert_delivery AS o
    WHERE o.channel = :channel AND o.state IN ('pending', 'failed') AND o.next_attempt_at <= :now
        AND o.attempts < :most AND o.give_up_at > :now
    ORDER BY o.next_attempt_at, o.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE alert_delivery AS d
SET attempts = d.attempts + 1,
    next_attempt_at = :until
FROM due
CROSS JOIN alert_message AS m
WHERE d.id = due.id AND m.id = d.message_id
RETURNING d.id, d.attempts AS attempt, m.id AS message_id, m.severity, m.ending, m.title, m.text;

-- name: record_delivered
-- In any case, for it is true.
UPDATE alert_delivery
SET state = 'delivered',
    delivered_at = :at,
    last_error = NULL
WHERE id = :id AND state <> 'delivered';

-- name: record_failed
-- Unless another took it over, whose attempt has another number.
UPDATE alert_delivery
SET state = :state,
    next_attempt_at = :at,
    last_error = :error
WHERE id = :id AND attempts = :attempt AND state IN ('pending', 'failed')
RETURNING message_id, channel;

-- name: abandon
-- What a wrong clock put off is due as it is `believed` to be by the domain.
WITH put_off AS MATERIALIZED (
    SELECT d.id
    FROM alert_delivery AS d
    WHERE d.state IN ('pending', 'failed')
        AND d.next_attempt_at > :now::TIMESTAMPTZ + :margin::INTERVAL
            + GREATEST(:lease::INTERVAL, LEAST(:first_rest::INTERVAL * 2 ^ GREATEST(d.attempts - 1, 0), :longest_rest::INTERVAL))
    ORDER BY d.id
    FOR UPDATE SKIP LOCKED
),
sooner AS (
    UPDATE alert_delivery AS d
    SET next_attempt_at = :now::TIMESTAMPTZ + :lease::INTERVAL
    FROM put_off AS p
    WHERE d.id = p.id
),
over AS MATERIALIZED (
    SELECT d.id
    FROM alert_delivery AS d
    WHERE d.state IN ('pending', 'failed') AND d.next_attempt_at <= :now
        AND (d.attempts >= :most OR d.give_up_at <= :now)
    ORDER BY d.id
    FOR UPDATE SKIP LOCKED
)
UPDATE alert_delivery AS d
SET state = 'abandoned',
    last_error = COALESCE(d.last_error, CASE WHEN d.attempts = 0 THEN :outdated ELSE :unfinished END)
FROM over AS o
WHERE d.id = o.id
RETURNING d.message_id, d.channel, d.last_error;

-- name: page
SELECT d.id, d.message_id, m.title, d.channel, d.state, d.attempts,
    CASE WHEN d.state IN ('pending', 'failed') THEN d.next_attempt_at END AS next_attempt_at, d.last_error,
    d.delivered_at
FROM alert_delivery AS d
INNER JOIN alert_message AS m ON m.id = d.message_id
WHERE d.id < COALESCE(:after, 9223372036854775807)
    AND (:channel::TEXT IS NULL OR d.channel = :channel)
    AND (:state::TEXT IS NULL OR d.state = :state)
ORDER BY d.id DESC
LIMIT :limit;
