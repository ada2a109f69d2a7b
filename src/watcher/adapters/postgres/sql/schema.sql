-- name: version_table
SELECT to_regclass('schema_version') IS NOT NULL AS present;

-- name: revision
SELECT version_num
FROM schema_version;
