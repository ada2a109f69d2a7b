-- name: position
-- Up to where the log is written: asked of the primary.
SELECT pg_current_wal_insert_lsn()::TEXT;

-- name: origin
-- Whose log it is, and of which database: the same on a primary and on its replicas.
SELECT c.system_identifier::TEXT || ' ' || current_database()
FROM pg_control_system() AS c;

-- name: knows
SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= :position::TEXT::PG_LSN;

-- name: standing
SELECT pg_is_in_recovery() AS follows,
    COALESCE(pg_wal_lsn_diff(:position::TEXT::PG_LSN, pg_last_wal_replay_lsn()), 0)::BIGINT AS behind_bytes;
