-- name: server
-- The only statement that asks the database what time it is: to compare its clock with this machine's.
SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::INTEGER / 10000 AS major,
    statement_timestamp() AS time,
    current_setting('max_connections')::INTEGER - current_setting('superuser_reserved_connections')::INTEGER AS usable,
    (
        SELECT array_agg(s.name || ' = ' || s.setting ORDER BY s.name)
        FROM pg_settings AS s
        WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off'
    ) AS unsafe,
    (SELECT s.setting::BIGINT / 1000.0 FROM pg_settings AS s WHERE s.name = 'statement_timeout')::FLOAT8 AS statement_seconds,
    pg_database_size(current_database()) AS bytes,
    (SELECT d.stats_reset FROM pg_stat_database AS d WHERE d.datname = current_database()) AS counted_since;

-- name: connections
SELECT count(*) AS used,
    count(*) FILTER (WHERE a.application_name LIKE 'watcher%') AS own,
    count(*) FILTER (WHERE a.application_name LIKE 'watcher%' AND a.state <> 'idle') AS busy
FROM pg_stat_activity AS a
WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid();

-- name: pools
-- By their names, which say of whose pool they are. A role that is neither theirs nor may read all statistics sees neither
-- their states nor what kind of process serves them.
SELECT a.application_name AS name, COALESCE(a.datname = current_database(), FALSE) AS here, count(*) AS held,
    count(*) FILTER (WHERE a.state NOT IN ('idle', 'disabled')) AS busy,
    count(*) FILTER (WHERE a.state IS NULL OR a.state = 'disabled') AS hidden
FROM pg_stat_activity AS a
WHERE (a.application_name = 'watcher' OR a.application_name LIKE 'watcher %')
    AND COALESCE(a.backend_type, 'client backend') = 'client backend' AND a.pid <> pg_backend_pid()
GROUP BY name, here;

-- name: transactions
-- How long, by the clock of the database.
SELECT a.pid, COALESCE(NULLIF(a.application_name, ''), 'unnamed') AS program, a.state,
    EXTRACT(EPOCH FROM statement_timestamp() - a.xact_start)::FLOAT8 AS seconds
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.xact_start IS NOT NULL AND a.state IS NOT NULL AND a.pid <> pg_backend_pid()
ORDER BY a.xact_start
LIMIT 10;

-- name: waits
SELECT a.pid, pg_blocking_pids(a.pid) AS blockers,
    EXTRACT(EPOCH FROM statement_timestamp() - a.state_change)::FLOAT8 AS seconds
FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'
ORDER BY a.state_change
LIMIT 10;

-- name: tables
-- With their indexes and what is stored beside them. Sizes are those of the last vacuum: to ask for the present ones
-- would wait for whoever has locked a table, which is just when a doctor is called.
-- What is free is an estimate, by the pages and rows that were last counted:
--   pages * block size - rows * (4 for the pointer + 24 for the head + average widths of what is not null, in steps of 8)
--       / fillfactor
-- It leaves out the heads of pages and gaps between columns, so it is some percent too much; NULL without an ANALYZE, or
-- with a column that was never looked at.
WITH widths AS (
    SELECT s.schemaname, s.tablename, count(*) AS columns, sum(s.avg_width * (1 - s.null_frac)) AS bytes
    FROM pg_stats AS s
    WHERE NOT s.inherited
    GROUP BY s.schemaname, s.tablename
), found AS (
    SELECT t.relname AS name, t.n_live_tup AS live, t.n_dead_tup AS dead,
        GREATEST(c.relpages, 0) * current_setting('block_size')::BIGINT AS heap,
        CASE WHEN c.reltuples >= 0 AND w.columns = (
            SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ) THEN c.reltuples * (28 + 8 * ceil(w.bytes / 8)) / COALESCE((
            SELECT o.option_value::FLOAT8 / 100 FROM pg_options_to_table(c.reloptions) AS o WHERE o.option_name = 'fillfactor'
        ), 1) END AS needed,
        (
            SELECT sum(GREATEST(p.relpages, 0)) * current_setting('block_size')::BIGINT
            FROM pg_class AS p
            WHERE p.oid IN (c.oid, c.reltoastrelid)
                OR p.oid IN (SELECT x.indexrelid FROM pg_index AS x WHERE x.indrelid IN (c.oid, c.reltoastrelid))
        )::BIGINT AS bytes
    FROM pg_stat_user_tables AS t
    INNER JOIN pg_class AS c ON c.oid = t.relid
    INNER JOIN pg_class AS v ON v.oid = to_regclass('schema_version') AND v.relnamespace = c.relnamespace
    LEFT JOIN widths AS w ON w.schemaname = t.schemaname AND w.tablename = t.relname
)
SELECT f.name, f.bytes, f.live, f.dead, f.heap,
    CASE WHEN f.needed IS NOT NULL THEN GREATEST(f.heap - f.needed, 0)::BIGINT END AS free
FROM found AS f
ORDER BY f.bytes DESC, f.name;

-- name: indexes
SELECT i.indexrelname AS name, i.relname AS table_name, i.idx_scan AS scans,
    c.relpages * current_setting('block_size')::BIGINT AS bytes,
    x.indisvalid AND x.indisready AS valid, x.indisunique AS is_rule
FROM pg_stat_user_indexes AS i
INNER JOIN pg_index AS x ON x.indexrelid = i.indexrelid
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
INNER JOIN pg_class AS v ON v.oid = to_regclass('schema_version') AND v.relnamespace = c.relnamespace
ORDER BY bytes DESC, name;

-- name: objects
-- The schema in lines, and what is behind a name; also what `migrations/schema.txt` is made of. PostgreSQL takes a lock on the
-- table to write an index or a constraint down, so that of tables which somebody holds, or waits to hold, the names
-- have to do.
WITH tables AS MATERIALIZED (
    SELECT c.oid, c.relname, NOT EXISTS (
            SELECT FROM pg_locks AS l
            INNER JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
            WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
        ) AS at_hand
    FROM pg_class AS c
    INNER JOIN pg_class AS v ON v.oid = to_regclass('schema_version') AND v.relnamespace = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
)
SELECT format(
        'column %s.%s %s%s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    ) AS name, '' AS definition
FROM tables AS t
INNER JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('constraint %s.%s', t.relname, k.conname), CASE WHEN t.at_hand THEN pg_get_constraintdef(k.oid) END
FROM tables AS t
INNER JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype <> 'n'
UNION ALL
SELECT format('index %s.%s', t.relname, c.relname),
    CASE WHEN t.at_hand THEN
        CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || substring(pg_get_indexdef(c.oid) FROM ' (USING .*)$')
    END
FROM tables AS t
INNER JOIN pg_index AS i ON i.indrelid = t.oid
INNER JOIN pg_class AS c ON c.oid = i.indexrelid;

-- name: work
-- What waits to be done; counted no further than is worth knowing.
SELECT (SELECT count(*) FROM (SELECT FROM anomaly_pending AS p LIMIT 100000) AS j) AS judgements,
    (
        SELECT count(*)
        FROM (SELECT FROM alert_delivery AS d WHERE d.state IN ('pending', 'failed') AND d.attempts > 0 LIMIT 100000) AS f
    ) AS failing_deliveries,
    (SELECT max(r.lookback_days) FROM anomaly_detection_rule AS r WHERE r.active) AS lookback_days,
    EXISTS (SELECT FROM pipeline_execution AS e) AS begun;
