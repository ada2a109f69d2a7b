-- name: claim
-- The pipelines whose runs have waited longest and which nobody else judges just now: whoever holds the first rule of
-- a pipeline judges its runs, until the transaction ends. Looks no further than `window`. A pipeline that is let go
-- while this looks is held from there on; which of its runs still wait, and which are the first, `taken` sees.
SELECT r.pipeline_id
FROM (
    SELECT p.pipeline_execution_id, p.pipeline_id
    FROM anomaly_pending AS p
    ORDER BY p.pipeline_execution_id
    LIMIT :window
) AS w
INNER JOIN anomaly_detection_rule AS r ON r.id = (
    SELECT f.id
    FROM anomaly_detection_rule AS f
    WHERE f.pipeline_id = w.pipeline_id
    ORDER BY f.id
    LIMIT 1
)
ORDER BY w.pipeline_execution_id
LIMIT :limit
FOR NO KEY UPDATE OF r SKIP LOCKED;

-- name: left
SELECT EXISTS (SELECT FROM anomaly_pending) AS pending;

-- name: taken
-- The runs of the claimed pipelines that have waited longest, as of now that nobody else judges them: of no pipeline
-- one before those that wait longer. Kept from being cleaned up until the verdict is there; what somebody cleans up
-- just now is left out.
SELECT e.id, e.pipeline_id, e.start_date, e.duration_seconds, e.inserts, e.updates, e.soft_deletes, e.total_rows,
    e.throughput, p.rule_ids, (SELECT w.active FROM pipeline AS w WHERE w.id = e.pipeline_id) AS active
FROM (
    SELECT w.pipeline_execution_id, w.rule_ids
    FROM (
        SELECT o.pipeline_execution_id, o.pipeline_id, o.rule_ids
        FROM anomaly_pending AS o
        ORDER BY o.pipeline_execution_id
        LIMIT :window
    ) AS w
    WHERE w.pipeline_id = ANY(:pipeline_ids::BIGINT[])
    ORDER BY w.pipeline_execution_id
    LIMIT :limit
) AS p
INNER JOIN pipeline_execution AS e ON e.id = p.pipeline_execution_id
ORDER BY e.id
FOR KEY SHARE OF e SKIP LOCKED;

-- name: rules
SELECT r.id, r.pipeline_id, r.metric_field, r.z_threshold, r.lookback_days, r.minimum_executions, r.active,
    r.created_at, r.updated_at, r.judged_to
FROM anomaly_detection_rule AS r
WHERE r.id = ANY(:ids::BIGINT[]) AND r.active;

-- name: sample
-- The earlier runs that are asked for, each once for a pipeline, see `Look` and `sampled` of the domain. Every look
-- reads the latest runs and a stretch of each earlier day off the index of the pipeline, in order and bounded: of
-- runs that failed or do not have the metric at most 2,000, or 100 of a day, are passed over.
WITH looks AS MATERIALIZED (
    SELECT l.*
    FROM unnest(
        :pipeline_ids::BIGINT[], :start_dates::TIMESTAMPTZ[], :memories::TIMESTAMPTZ[], :withins::TIMESTAMPTZ[],
        :recents::BIGINT[], :leasts::BIGINT[], :gates::BIGINT[], :days::INTEGER[], :metrics::TEXT[]
    ) WITH ORDINALITY AS l (
        pipeline_id, start_date, memory, within, recent, least, gate, days, metric, position
    )
),
latest AS MATERIALIZED (
    SELECT l.position, l.metric, l.gate, l.least, l.within, s.*
    FROM looks AS l
    CROSS JOIN LATERAL (
        SELECT f.*, row_number() OVER (ORDER BY f.start_date DESC, f.id DESC) AS turn
        FROM (
            SELECT r.*
            FROM (
                SELECT
                    -- include: seen
                FROM pipeline_execution AS e
                WHERE e.pipeline_id = l.pipeline_id AND e.start_date < l.start_date AND e.start_date >= l.memory
                ORDER BY e.start_date DESC, e.id DESC
                LIMIT 2000
            ) AS r
            WHERE
                -- include: counts
            ORDER BY r.start_date DESC, r.id DESC
            LIMIT l.recent
        ) AS f
    ) AS s
),
anchors AS MATERIALIZED (
    SELECT l.pipeline_id, l.metric,
        l.start_date + INTERVAL '10 minutes' - make_interval(hours => 24 * d.day) AS anchor
    FROM looks AS l
    INNER JOIN latest AS g ON g.position = l.position AND g.turn = l.gate
    CROSS JOIN LATERAL generate_series(1, l.days) AS d (day)
    WHERE l.start_date + INTERVAL '10 minutes' - make_interval(hours => 24 * d.day) <= g.start_date
),
stretches AS (
    SELECT l.metric, s.*
    FROM anchors AS l
    CROSS JOIN LATERAL (
        SELECT r.*
        FROM (
            SELECT
                -- include: seen
            FROM pipeline_execution AS e
            WHERE e.pipeline_id = l.pipeline_id AND e.start_date < l.anchor
                AND e.start_date >= l.anchor - INTERVAL '24 hours'
            ORDER BY e.start_date DESC, e.id DESC
            LIMIT 100
        ) AS r
        WHERE
            -- include: counts
        ORDER BY r.start_date DESC, r.id DESC
        LIMIT 8
    ) AS s
)
SELECT
    s.metric,
    s.pipeline_id,
    array_agg(s.id ORDER BY s.start_date, s.id) AS ids,
    array_agg(s.start_date ORDER BY s.start_date, s.id) AS starts,
    array_agg(s.duration_seconds ORDER BY s.start_date, s.id) FILTER (WHERE 'duration_seconds' = ANY(:wanted::TEXT[])) AS duration_seconds,
    array_agg(s.inserts ORDER BY s.start_date, s.id) FILTER (WHERE 'inserts' = ANY(:wanted::TEXT[])) AS inserts,
    array_agg(s.updates ORDER BY s.start_date, s.id) FILTER (WHERE 'updates' = ANY(:wanted::TEXT[])) AS updates,
    array_agg(s.soft_deletes ORDER BY s.start_date, s.id) FILTER (WHERE 'soft_deletes' = ANY(:wanted::TEXT[])) AS soft_deletes,
    array_agg(s.total_rows ORDER BY s.start_date, s.id) FILTER (WHERE 'total_rows' = ANY(:wanted::TEXT[])) AS total_rows,
    array_agg(s.throughput ORDER BY s.start_date, s.id) FILTER (WHERE 'throughput' = ANY(:wanted::TEXT[])) AS throughput
FROM (
    SELECT DISTINCT ON (a.metric, a.pipeline_id, a.start_date, a.id) a.*
    FROM (
        SELECT l.metric, l.id, l.pipeline_id, l.start_date, l.duration_seconds, l.inserts, l.updates, l.soft_deletes,
            l.total_rows, l.throughput
        FROM latest AS l
        WHERE l.turn <= l.least OR l.start_date >= l.within
        UNION ALL
        SELECT t.metric, t.id, t.pipeline_id, t.start_date, t.duration_seconds, t.inserts, t.updates, t.soft_deletes,
            t.total_rows, t.throughput
        FROM stretches AS t
    ) AS a
    ORDER BY a.metric, a.pipeline_id, a.start_date, a.id
) AS s
GROUP BY s.metric, s.pipeline_id;

-- name: seen
e.id, e.pipeline_id, e.start_date, e.completed_successfully, e.duration_seconds, e.inserts, e.updates,
e.soft_deletes, e.total_rows, e.throughput

-- name: counts
r.completed_successfully
AND CASE l.metric
    WHEN 'inserts' THEN r.inserts IS NOT NULL
    WHEN 'updates' THEN r.updates IS NOT NULL
    WHEN 'soft_deletes' THEN r.soft_deletes IS NOT NULL
    WHEN 'total_rows' THEN r.total_rows IS NOT NULL
    WHEN 'throughput' THEN r.throughput IS NOT NULL
    ELSE TRUE
END

-- name: flagged
-- The runs within intervals that rules flagged.
SELECT i.rule_id, f.pipeline_execution_id
FROM unnest(:rule_ids::BIGINT[], :firsts::TIMESTAMPTZ[], :lasts::TIMESTAMPTZ[]) AS i (rule_id, first, last)
CROSS JOIN LATERAL (
    SELECT r.pipeline_execution_id
    FROM anomaly_detection_result AS r
    WHERE r.rule_id = i.rule_id AND r.start_date >= i.first AND r.start_date <= i.last
        AND r.standing = 'anomalous' AND r.unflagged_at IS NULL
) AS f;

-- name: write
-- Records the verdicts, how far each rule has come, and that these runs wait no more.
WITH done AS (
    DELETE FROM anomaly_pending
    WHERE pipeline_execution_id = ANY(:taken::BIGINT[])
),
reached AS (
    UPDATE anomaly_detection_rule AS r
    SET judged_to = c.judged_to
    FROM unnest(:course_ids::BIGINT[], :judged_tos::TIMESTAMPTZ[]) AS c (id, judged_to)
    WHERE r.id = c.id AND r.judged_to IS DISTINCT FROM c.judged_to
)
INSERT INTO anomaly_detection_result (
    pipeline_execution_id, rule_id, pipeline_id, metric_field, start_date, standing, value, expected, low, high,
    score, bucket, history_size, missing, sentence, incident_id, judged_at
)
SELECT v.pipeline_execution_id, v.rule_id, v.pipeline_id, v.metric_field, v.start_date, v.standing, v.value,
    v.expected, v.low, v.high, v.score, v.bucket, v.history_size, v.missing, v.sentence, v.incident_id, :now
FROM unnest(
    :execution_ids::BIGINT[], :rule_ids::BIGINT[], :pipeline_ids::BIGINT[], :metric_fields::TEXT[],
    :start_dates::TIMESTAMPTZ[], :standings::TEXT[], :values::NUMERIC[], :expecteds::DOUBLE PRECISION[],
    :lows::DOUBLE PRECISION[], :highs::DOUBLE PRECISION[], :scores::DOUBLE PRECISION[], :buckets::TEXT[],
    :history_sizes::INTEGER[], :missings::INTEGER[], :sentences::TEXT[], :incident_ids::BIGINT[]
) WITH ORDINALITY AS v (
    pipeline_execution_id, rule_id, pipeline_id, metric_field, start_date, standing, value, expected, low, high,
    score, bucket, history_size, missing, sentence, incident_id, position
)
ORDER BY v.position
ON CONFLICT (pipeline_execution_id, rule_id) DO NOTHING;
