-- name: version_table
SELECT to_regclass('schema_version') IS NOT NULL AS present;

-- name: revision
SELECT version_num
FROM schema_version;

-- name: signs
SELECT (SELECT max(t.tick) FROM job_tick AS t WHERE t.tick <= :believed) AS ticked_at,
    (SELECT u.checked_to FROM timeliness_upkeep AS u) AS swept_at;
