-- Rows are looked up by an index, one by one, whatever the planner believes about how many there are: no statement takes
-- longer because the graph is larger, or was never analysed. For that there are `LATERAL` with `LIMIT` or `OFFSET`.

-- name: hold
-- Who gets this row may change the closure, one at a time; for all others there is nothing to do. Nobody waits for the
-- disk: what a crash takes from the closure it gives back to what is pending, for both are one transaction.
SELECT u.steps, set_config('synchronous_commit', 'off', TRUE) AS synchronous_commit
FROM lineage_upkeep AS u
FOR UPDATE SKIP LOCKED;

-- name: count_step
-- Makes a transaction that began before this one ended, and would see an old closure, start again.
UPDATE lineage_upkeep
SET steps = steps + 1;

-- name: pending
-- A page of what is pending, the oldest first.
SELECT id, address_id, downstream, spreads
FROM address_lineage_pending
WHERE id > :after
ORDER BY id
LIMIT :limit;

-- name: pending_spreading
SELECT id, address_id, downstream, spreads
FROM address_lineage_pending
WHERE spreads AND id > :after
ORDER BY id
LIMIT :limit;

-- name: more_spreading
SELECT id
FROM address_lineage_pending
WHERE spreads
ORDER BY id
LIMIT 1;

-- name: done
-- Everything that was noted about these addresses before this instant. What is noted meanwhile is not seen, and stays.
DELETE FROM address_lineage_pending
WHERE ctid = ANY(
    ARRAY(
        SELECT k.place
        FROM unnest(:ids::BIGINT[], :downstream::BOOLEAN[]) AS i (id, downstream)
        CROSS JOIN LATERAL (
            SELECT p.ctid AS place
            FROM address_lineage_pending AS p
            WHERE p.address_id = i.id AND p.downstream = i.downstream
            OFFSET 0
        ) AS k
    )
);

-- name: note
-- Who is noted already will be looked at anyway.
INSERT INTO address_lineage_pending (address_id, downstream, spreads)
SELECT i.id, :downstream, FALSE
FROM unnest(:ids::BIGINT[]) AS i (id)
CROSS JOIN LATERAL (
    SELECT count(*) AS notes
    FROM address_lineage_pending AS p
    WHERE p.address_id = i.id AND p.downstream = :downstream
) AS k
WHERE k.notes = 0;

-- name: affected_downstream
-- Whose kept downstream has one of these addresses in it.
SELECT DISTINCT k.id
FROM unnest(:ids::BIGINT[]) AS i (id)
CROSS JOIN LATERAL (
    SELECT c.ancestor_id AS id
    FROM address_lineage_closure AS c
    WHERE c.descendant_id = i.id AND c.downstream
    OFFSET 0
) AS k;

-- name: affected_upstream
SELECT DISTINCT k.id
FROM unnest(:ids::BIGINT[]) AS i (id)
CROSS JOIN LATERAL (
    SELECT c.descendant_id AS id
    FROM address_lineage_closure AS c
    WHERE c.ancestor_id = i.id AND c.upstream
    OFFSET 0
) AS k;

-- name: steps_downstream
-- One step from each address, and from those that will be asked for next: all that are in its kept downstream, which
-- never reaches the limit, and the nearest along the edges.
WITH RECURSIVE near AS (
    SELECT i.id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    UNION
    SELECT f.id
    FROM near AS n
    CROSS JOIN LATERAL (
        SELECT e.target_address_id AS id
        FROM address_lineage AS e
        WHERE e.source_address_id = n.id AND e.valid_to IS NULL
        OFFSET 0
    ) AS f
)

SELECT w.id,
    ARRAY(
        SELECT DISTINCT e.target_address_id
        FROM address_lineage AS e
        WHERE e.source_address_id = w.id AND e.valid_to IS NULL
        LIMIT :limit
    ) AS neighbours
FROM (
    SELECT i.id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    UNION
    SELECT k.id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    CROSS JOIN LATERAL (
        SELECT c.descendant_id AS id
        FROM address_lineage_closure AS c
        WHERE c.ancestor_id = i.id AND c.downstream
        LIMIT :limit
    ) AS k
    UNION
    (SELECT n.id FROM near AS n LIMIT :ahead)
) AS w;

-- name: steps_upstream
WITH RECURSIVE near AS (
    SELECT i.id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    UNION
    SELECT f.id
    FROM near AS n
    CROSS JOIN LATERAL (
        SELECT e.source_address_id AS id
        FROM address_lineage AS e
        WHERE e.target_address_id = n.id AND e.valid_to IS NULL
        OFFSET 0
    ) AS f
)

SELECT w.id,
    ARRAY(
        SELECT DISTINCT e.source_address_id
        FROM address_lineage AS e
        WHERE e.target_address_id = w.id AND e.valid_to IS NULL
        LIMIT :limit
    ) AS neighbours
FROM (
    SELECT i.id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    UNION
    SELECT k.id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    CROSS JOIN LATERAL (
        SELECT c.ancestor_id AS id
        FROM address_lineage_closure AS c
        WHERE c.descendant_id = i.id AND c.upstream
        LIMIT :limit
    ) AS k
    UNION
    (SELECT n.id FROM near AS n LIMIT :ahead)
) AS w;

-- name: kept_downstream
SELECT i.id, r.too_large IS NULL AS kept, c.reached, c.depths
FROM unnest(:ids::BIGINT[]) AS i (id)
LEFT JOIN LATERAL (
    SELECT TRUE AS too_large
    FROM address_lineage_reach AS x
    WHERE x.address_id = i.id AND x.downstream IS NULL
    LIMIT 1
) AS r ON TRUE
LEFT JOIN LATERAL (
    SELECT array_agg(x.descendant_id) AS reached, array_agg(x.depth) AS depths
    FROM address_lineage_closure AS x
    WHERE x.ancestor_id = i.id AND x.downstream
) AS c ON TRUE;

-- name: kept_upstream
SELECT i.id, r.too_large IS NULL AS kept, c.reached, c.depths
FROM unnest(:ids::BIGINT[]) AS i (id)
LEFT JOIN LATERAL (
    SELECT TRUE AS too_large
    FROM address_lineage_reach AS x
    WHERE x.address_id = i.id AND x.upstream IS NULL
    LIMIT 1
) AS r ON TRUE
LEFT JOIN LATERAL (
    SELECT array_agg(x.ancestor_id) AS reached, array_agg(x.depth) AS depths
    FROM address_lineage_closure AS x
    WHERE x.descendant_id = i.id AND x.upstream
) AS c ON TRUE;

-- name: place
-- Pairs that are kept in one direction or in both; what the other keeps already stays.
INSERT INTO address_lineage_closure AS c (ancestor_id, descendant_id, depth, downstream, upstream)
SELECT i.ancestor, i.descendant, i.depth, i.downstream, i.upstream
FROM unnest(
    :ancestors::BIGINT[], :descendants::BIGINT[], :depths::INTEGER[], :downstream::BOOLEAN[], :upstream::BOOLEAN[]
) AS i (ancestor, descendant, depth, downstream, upstream)
ON CONFLICT (ancestor_id, descendant_id) DO UPDATE
SET depth = excluded.depth,
    downstream = c.downstream OR excluded.downstream,
    upstream = c.upstream OR excluded.upstream;

-- name: lose
-- Three statements in one: what one direction loses and the other keeps stays as the other's own. Each pair is looked up by
-- the index, whatever the planner knows about how many there are; a row stays in its place while one statement lasts.
WITH lost AS (
    SELECT k.place, k.downstream AND NOT i.downstream AS downstream, k.upstream AND NOT i.upstream AS upstream
    FROM unnest(:ancestors::BIGINT[], :descendants::BIGINT[], :downstream::BOOLEAN[], :upstream::BOOLEAN[])
        AS i (ancestor, descendant, downstream, upstream)
    CROSS JOIN LATERAL (
        SELECT c.ctid AS place, c.downstream, c.upstream
        FROM address_lineage_closure AS c
        WHERE c.ancestor_id = i.ancestor AND c.descendant_id = i.descendant
        LIMIT 1
    ) AS k
),

gone AS (
    DELETE FROM address_lineage_closure
    WHERE ctid = ANY(ARRAY(SELECT l.place FROM lost AS l WHERE NOT l.downstream AND NOT l.upstream))
),

upstream_only AS (
    UPDATE address_lineage_closure
    SET downstream = FALSE
    WHERE ctid = ANY(ARRAY(SELECT l.place FROM lost AS l WHERE NOT l.downstream AND l.upstream))
)

UPDATE address_lineage_closure
SET upstream = FALSE
WHERE ctid = ANY(ARRAY(SELECT l.place FROM lost AS l WHERE l.downstream AND NOT l.upstream));

-- name: count_downstream
INSERT INTO address_lineage_reach AS r (address_id, downstream)
SELECT i.id, i.reached
FROM unnest(:ids::BIGINT[], :counts::INTEGER[]) AS i (id, reached)
ON CONFLICT (address_id) DO UPDATE SET downstream = excluded.downstream
WHERE r.downstream IS DISTINCT FROM excluded.downstream;

-- name: count_upstream
INSERT INTO address_lineage_reach AS r (address_id, upstream)
SELECT i.id, i.reached
FROM unnest(:ids::BIGINT[], :counts::INTEGER[]) AS i (id, reached)
ON CONFLICT (address_id) DO UPDATE SET upstream = excluded.upstream
WHERE r.upstream IS DISTINCT FROM excluded.upstream;

-- name: freed_downstream
-- One step against the direction: addresses whose reach is not kept, and may be small enough now: its neighbours, and what
-- is kept of those, or of their neighbours where it is not kept, are not already too many.
SELECT f.id
FROM (
    SELECT DISTINCT e.source_address_id AS id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    INNER JOIN address_lineage AS e ON e.target_address_id = i.id AND e.valid_to IS NULL
    CROSS JOIN LATERAL (
        SELECT r.address_id
        FROM address_lineage_reach AS r
        WHERE r.address_id = e.source_address_id AND r.downstream IS NULL
        LIMIT 1
    ) AS r
) AS f
CROSS JOIN LATERAL (
    SELECT count(DISTINCT x.id) AS least
    FROM (
        SELECT y.id
        FROM (
            SELECT DISTINCT e.target_address_id AS id
            FROM address_lineage AS e
            WHERE e.source_address_id = f.id AND e.valid_to IS NULL
            LIMIT :neighbours
        ) AS n
        CROSS JOIN LATERAL (
            SELECT n.id
            UNION ALL
            SELECT c.descendant_id
            FROM address_lineage_closure AS c
            WHERE c.ancestor_id = n.id AND c.downstream
            UNION ALL
            SELECT z.id
            FROM address_lineage_reach AS r
            CROSS JOIN LATERAL (
                SELECT DISTINCT e.target_address_id AS id
                FROM address_lineage AS e
                WHERE e.source_address_id = n.id AND e.valid_to IS NULL
                LIMIT :neighbours
            ) AS m
            CROSS JOIN LATERAL (
                SELECT m.id
                UNION ALL
                SELECT c.descendant_id
                FROM address_lineage_closure AS c
                WHERE c.ancestor_id = m.id AND c.downstream
            ) AS z
            WHERE r.address_id = n.id AND r.downstream IS NULL
        ) AS y
        WHERE y.id <> f.id
        LIMIT :looked_at
    ) AS x
) AS k
WHERE k.least <= :reach_limit;

-- name: freed_upstream
SELECT f.id
FROM (
    SELECT DISTINCT e.target_address_id AS id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    INNER JOIN address_lineage AS e ON e.source_address_id = i.id AND e.valid_to IS NULL
    CROSS JOIN LATERAL (
        SELECT r.address_id
        FROM address_lineage_reach AS r
        WHERE r.address_id = e.target_address_id AND r.upstream IS NULL
        LIMIT 1
    ) AS r
) AS f
CROSS JOIN LATERAL (
    SELECT count(DISTINCT x.id) AS least
    FROM (
        SELECT y.id
        FROM (
            SELECT DISTINCT e.source_address_id AS id
            FROM address_lineage AS e
            WHERE e.target_address_id = f.id AND e.valid_to IS NULL
            LIMIT :neighbours
        ) AS n
        CROSS JOIN LATERAL (
            SELECT n.id
            UNION ALL
            SELECT c.ancestor_id
            FROM address_lineage_closure AS c
            WHERE c.descendant_id = n.id AND c.upstream
            UNION ALL
            SELECT z.id
            FROM address_lineage_reach AS r
            CROSS JOIN LATERAL (
                SELECT DISTINCT e.source_address_id AS id
                FROM address_lineage AS e
                WHERE e.target_address_id = n.id AND e.valid_to IS NULL
                LIMIT :neighbours
            ) AS m
            CROSS JOIN LATERAL (
                SELECT m.id
                UNION ALL
                SELECT c.ancestor_id
                FROM address_lineage_closure AS c
                WHERE c.descendant_id = m.id AND c.upstream
            ) AS z
            WHERE r.address_id = n.id AND r.upstream IS NULL
        ) AS y
        WHERE y.id <> f.id
        LIMIT :looked_at
    ) AS x
) AS k
WHERE k.least <= :reach_limit;

-- name: mark
-- A page of all addresses; those among them that have to do with lineage are noted.
WITH page AS MATERIALIZED (
    SELECT c.id, c.concerned
    FROM (
        -- include: page
    ) AS c
),

marked AS (
    INSERT INTO address_lineage_pending (address_id, downstream, spreads)
    SELECT p.id, d.downstream, FALSE
    FROM page AS p
    CROSS JOIN (VALUES (TRUE), (FALSE)) AS d (downstream)
    WHERE p.concerned
    RETURNING id
)

SELECT (SELECT max(p.id) FROM page AS p) AS last, (SELECT count(*) FROM marked) AS entries;

-- name: addresses
SELECT c.id, c.concerned
FROM (
    -- include: page
) AS c
ORDER BY c.id;

-- name: page
-- Whether an address has an edge or is in the closure. Counted, for who wants the first row only may be given a plan
-- that reads a whole table or index, where the address seems to be everywhere in it.
SELECT a.id,
    (SELECT count(*) FROM address_lineage AS e WHERE e.source_address_id = a.id AND e.valid_to IS NULL) > 0
    OR (SELECT count(*) FROM address_lineage AS e WHERE e.target_address_id = a.id AND e.valid_to IS NULL) > 0
    OR (SELECT count(*) FROM address_lineage_reach AS r WHERE r.address_id = a.id) > 0
    OR (SELECT count(*) FROM address_lineage_closure AS c WHERE c.ancestor_id = a.id) > 0
    OR (SELECT count(*) FROM address_lineage_closure AS c WHERE c.descendant_id = a.id) > 0 AS concerned
FROM (
    SELECT b.id
    FROM address AS b
    WHERE b.id > :after
    ORDER BY b.id
    LIMIT :limit
) AS a
