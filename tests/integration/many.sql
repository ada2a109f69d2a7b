-- Enough rows of everything that a plan which reads all of a table costs.
INSERT INTO pipeline_type (name, name_key, created_at) VALUES ('load', sha256('load'), '2026-01-01');

INSERT INTO pipeline (name, name_key, declaration, pipeline_type_id, created_at)
SELECT n, sha256(n::TEXT::BYTEA), sha256('declared'), (SELECT min(id) FROM pipeline_type), '2026-01-01'
FROM generate_series(1, 5000) AS n;

INSERT INTO pipeline_execution (
    id, pipeline_id, start_date, end_date, completed_successfully, total_rows, parent_id, external_id
)
SELECT n, p.first + n % 5000, t.start_date, t.end_date, CASE WHEN t.end_date IS NOT NULL THEN n % 50 <> 0 END,
    n, CASE WHEN n % 5 = 0 THEN n / 5 END, CASE WHEN n % 3 = 0 THEN n::TEXT END
FROM generate_series(1, 50000) AS n,
    LATERAL (SELECT min(id) AS first FROM pipeline) AS p,
    LATERAL (
        SELECT '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 minute' AS start_date,
            CASE WHEN n % 2000 <> 1 THEN '2026-01-01'::TIMESTAMPTZ + (n + 5) * INTERVAL '1 minute' END AS end_date
    ) AS t;

INSERT INTO pipeline_execution_closure (ancestor_id, descendant_id, depth)
WITH RECURSIVE above AS (
    SELECT parent_id AS ancestor_id, id AS descendant_id, 1 AS depth
    FROM pipeline_execution
    WHERE parent_id IS NOT NULL
    UNION ALL
    SELECT e.parent_id, a.descendant_id, a.depth + 1
    FROM above AS a
    INNER JOIN pipeline_execution AS e ON e.id = a.ancestor_id
    WHERE e.parent_id IS NOT NULL
)
SELECT ancestor_id, descendant_id, depth
FROM above;

INSERT INTO address_type (name, name_key, group_name, group_key, declaration, created_at)
SELECT n, sha256(n::TEXT::BYTEA), n % 3, sha256((n % 3)::TEXT::BYTEA), '', '2026-01-01'
FROM generate_series(1, 20) AS n;

INSERT INTO address (name, name_key, name_folded, declaration, address_type_id, created_at)
SELECT name, sha256(name::BYTEA), name, '', t.first + n % 20, '2026-01-01'
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT min(id) AS first FROM address_type) AS t,
    LATERAL (SELECT 'warehouse.' || md5(n::TEXT) AS name) AS named;

-- 10,000 pipelines that each feed two addresses from three, some of it in the past; every tenth address is kept.
INSERT INTO address_lineage (pipeline_id, source_address_id, target_address_id, valid_from, valid_to)
SELECT p.first + n % 5000, a.first + n % 20000, a.first + (n * 7 + n % 11) % 20000, '2026-01-01',
    CASE WHEN n % 4 = 0 THEN '2026-02-01'::TIMESTAMPTZ END
FROM generate_series(1, 60000) AS n,
    LATERAL (SELECT min(id) AS first FROM pipeline) AS p,
    LATERAL (SELECT min(id) AS first FROM address) AS a
ON CONFLICT DO NOTHING;

INSERT INTO lineage_declaration (pipeline_id, valid_from, valid_to, declaration, source_address_ids, target_address_ids)
SELECT p.first + n % 5000, '2026-01-01', CASE WHEN n > 5000 THEN '2026-02-01'::TIMESTAMPTZ END, '', '{}', '{}'
FROM generate_series(1, 20000) AS n, LATERAL (SELECT min(id) AS first FROM pipeline) AS p;

INSERT INTO address_lineage_closure (ancestor_id, descendant_id, depth, downstream, upstream)
SELECT a.first + n % 2000, a.first + n / 2000 * 31 % 20000, 1 + n % 5, TRUE, n % 2 = 0
FROM generate_series(1, 60000) AS n, LATERAL (SELECT min(id) AS first FROM address) AS a
ON CONFLICT DO NOTHING;

INSERT INTO address_lineage_reach (address_id, downstream, upstream)
SELECT id, CASE WHEN id % 10 > 0 THEN 30 END, 0 FROM address;

INSERT INTO address_lineage_pending (address_id, downstream, spreads)
SELECT id, id % 2 = 0, id % 400 = 0 FROM address;

INSERT INTO pipeline_day (
    pipeline_id, day, executions, running, failures, inserts, updates, soft_deletes, total_rows, duration, timed_rows,
    timed_duration
)
SELECT pipeline_id, (start_date AT TIME ZONE 'UTC')::DATE AS day, count(*), count(*) - count(end_date), 0, 0, 0, 0, 0,
    0, 0, 0
FROM pipeline_execution
GROUP BY pipeline_id, day;

UPDATE report_upkeep SET known_to = 49990;

UPDATE pipeline
SET freshness_number = 1, freshness_datepart = 'day', timeliness_number = 3, timeliness_datepart = 'minute';

INSERT INTO freshness_pipeline_log (
    pipeline_id, detected_at, due_at, threshold_number, threshold_datepart, threshold_own, ended_at, ending
)
SELECT p.first + n % 5000, t.detected_at, t.detected_at, 1, 'day', TRUE,
    CASE WHEN n <= 19800 THEN t.detected_at END, CASE WHEN n <= 19800 THEN 'recovered' END
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT min(id) AS first FROM pipeline) AS p,
    LATERAL (SELECT '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 minute' AS detected_at) AS t;

INSERT INTO timeliness_pipeline_execution_log (
    pipeline_execution_id, pipeline_id, start_date, due_at, detected_at, end_date, completed_successfully,
    threshold_number, threshold_datepart, threshold_own
)
SELECT id, pipeline_id, start_date, start_date, start_date, end_date, completed_successfully, 3, 'minute', TRUE
FROM pipeline_execution
WHERE id < 20000;

-- Every pipeline is watched by two rules; a fifth of the runs was judged, some of it flagged, and a tenth waits.
INSERT INTO anomaly_detection_rule (
    pipeline_id, metric_field, declaration, z_threshold, lookback_days, minimum_executions, active, created_at
)
SELECT p.id, m.metric, '', 3, 30, 30, p.id % 10 > 0, '2026-01-01'
FROM pipeline AS p, unnest(ARRAY['total_rows', 'duration_seconds']) AS m (metric);

INSERT INTO anomaly_detection_result (
    pipeline_execution_id, rule_id, pipeline_id, metric_field, start_date, standing, value, history_size, missing,
    sentence, judged_at, expected, low, high, score, bucket
)
SELECT e.id, r.id, e.pipeline_id, r.metric_field, e.start_date, CASE WHEN e.id % 7 = 0 THEN 'anomalous' ELSE 'normal' END,
    1, 30, 0, 'a sentence', e.start_date, 1, 1, 1, 1, 'all'
FROM pipeline_execution AS e
INNER JOIN anomaly_detection_rule AS r ON r.pipeline_id = e.pipeline_id
WHERE e.id <= 10000;

INSERT INTO anomaly_incident (
    rule_id, pipeline_id, metric_field, first_execution_id, last_execution_id, first_start, last_start, opened_at,
    ended_at, ending, runs, sentence
)
SELECT r.rule_id, r.pipeline_id, r.metric_field, r.pipeline_execution_id, r.pipeline_execution_id, r.start_date,
    r.start_date, r.start_date, r.start_date, 'recovered', 1, r.sentence
FROM anomaly_detection_result AS r, generate_series(1, 5)
WHERE r.standing = 'anomalous';

INSERT INTO anomaly_incident (
    rule_id, pipeline_id, metric_field, first_execution_id, last_execution_id, first_start, last_start, opened_at,
    runs, sentence
)
SELECT r.id, r.pipeline_id, r.metric_field, 1, 1, r.created_at, r.created_at, r.created_at, 1, 'a sentence'
FROM anomaly_detection_rule AS r
WHERE r.id % 50 = 0;

INSERT INTO anomaly_pending (pipeline_execution_id, pipeline_id, rule_ids)
SELECT e.id, e.pipeline_id, ARRAY[1, 2]
FROM pipeline_execution AS e
WHERE e.id > 45000;

INSERT INTO queue_spell (state, pending, opened_at, ended_at)
SELECT 'warning', n, t.opened_at, CASE WHEN n < 20000 THEN t.opened_at END
FROM generate_series(1, 20000) AS n,
    LATERAL (SELECT '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 minute' AS opened_at) AS t;

INSERT INTO error_spell (source, total, failed, window_seconds, opened_at, ended_at)
SELECT 'requests', 100, 20, 300, TIMESTAMPTZ '2026-03-01' - n * INTERVAL '1 hour',
    TIMESTAMPTZ '2026-03-01' - n * INTERVAL '1 hour' + INTERVAL '10 minutes'
FROM generate_series(1, 5000) AS n;

-- Most spells of stale data were told, by 200 messages to two channels each; a hundred are still to be delivered.
INSERT INTO alert_message (id, kind, severity, ending, title, text, created_at)
SELECT n, 'freshness', 'warning', FALSE, 'stale', '', '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 hour'
FROM generate_series(1, 2000) AS n;

INSERT INTO alert_delivery (message_id, channel, state, delivered_at, next_attempt_at, give_up_at)
SELECT m.id, c.name, CASE WHEN m.id <= 1950 THEN 'delivered' ELSE 'pending' END,
    CASE WHEN m.id <= 1950 THEN m.created_at END, m.created_at, m.created_at
FROM alert_message AS m, (VALUES ('ops'), ('mail')) AS c (name);

INSERT INTO alert (kind, spell_id, pipeline_id, opened_at, ended_at, end_learned_at, severity, facts, opened_in,
    settled)
SELECT 'freshness', l.id, l.pipeline_id, l.detected_at, l.ended_at, l.ended_at, 'warning', '{}', 1 + l.id % 2000,
    l.ended_at IS NOT NULL AND l.id % 100 > 0
FROM freshness_pipeline_log AS l
WHERE l.id % 200 > 0;

INSERT INTO alert (kind, spell_id, opened_at, ended_at, end_learned_at, severity, facts, opened_in, settled)
SELECT s.kind, s.id, s.opened_at, s.ended_at, s.ended_at, 'warning', '{}', 1, s.ended_at IS NOT NULL
FROM (
    SELECT 'queue' AS kind, q.id, q.opened_at, q.ended_at FROM queue_spell AS q WHERE q.id % 10 = 0
    UNION ALL
    SELECT 'errors', e.id, e.opened_at, e.ended_at FROM error_spell AS e
) AS s;

INSERT INTO api_key (id, name, scope, digest, created_at, revoked_at)
SELECT n::TEXT, 'key', 'read', sha256('key'), t.created_at, CASE WHEN n < 5000 THEN t.created_at END
FROM generate_series(1, 5100) AS n,
    LATERAL (SELECT '2026-01-01'::TIMESTAMPTZ + n * INTERVAL '1 minute' AS created_at) AS t;

SELECT gin_clean_pending_list('address_by_part_of_name');

ANALYZE;
