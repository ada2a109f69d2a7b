-- name: position
-- Up to where the log is written: asked of the primary. At the beginning of a page it tells where the next record will
-- be, behind the header of 24 bytes, or 40 in a segment's first page; who has replayed all is before that header.
SELECT (
    w.lsn - CASE
        WHEN mod(w.bytes, pg_size_bytes(current_setting('wal_segment_size'))) = 40 THEN 40
        WHEN mod(w.bytes, current_setting('wal_block_size')::BIGINT) = 24 THEN 24
        ELSE 0
    END::NUMERIC
)::TEXT
FROM (
    SELECT p.lsn, p.lsn - '0/0'::PG_LSN AS bytes
    FROM (SELECT pg_current_wal_insert_lsn() AS lsn) AS p
) AS w;

-- name: origin
-- Whose log it is, on which of its timelines, and of which database: the same on a primary and on its replicas. Where a
-- replica may not tell what it receives, what its last restart point says is not too young.
SELECT concat_ws(
    ' ', c.system_identifier, current_database(),
    CASE WHEN pg_is_in_recovery()
        THEN COALESCE((SELECT r.received_tli FROM pg_stat_wal_receiver AS r), (SELECT k.timeline_id FROM pg_control_checkpoint() AS k))
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::BIT(32)::INTEGER
    END
)
FROM pg_control_system() AS c;

-- name: knows
SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= :position::TEXT::PG_LSN;

-- name: standing
SELECT pg_is_in_recovery() AS follows,
    COALESCE(pg_wal_lsn_diff(:position::TEXT::PG_LSN, pg_last_wal_replay_lsn()), 0)::BIGINT AS behind_bytes;
