-- name: missing
-- Statements that give the role what a migration takes, each only where the role lacks it.
SELECT format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', s.name, current_user) AS statement
FROM (SELECT COALESCE(current_schema(), 'public') AS name) AS s
WHERE NOT has_schema_privilege(s.name, 'USAGE') OR NOT has_schema_privilege(s.name, 'CREATE')
UNION ALL
SELECT CASE
        WHEN COALESCE(v.trusted, FALSE) THEN format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
        ELSE 'CREATE EXTENSION pg_trgm'
    END
FROM (SELECT bool_or(e.trusted) AS trusted FROM pg_available_extension_versions AS e WHERE e.name = 'pg_trgm') AS v
WHERE NOT has_database_privilege(current_database(), 'CREATE')
    AND NOT EXISTS (SELECT FROM pg_extension AS x WHERE x.extname = 'pg_trgm');

-- name: owner
-- To whom the tables belong that a migration would change, where that is nobody whose rights the role has.
SELECT pg_get_userbyid(c.relowner) AS name
FROM pg_class AS c
WHERE c.oid = to_regclass('schema_version') AND NOT pg_has_role(c.relowner, 'USAGE');
