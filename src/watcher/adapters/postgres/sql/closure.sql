-- name: hold
-- Who gets this row may change the closure, one at a time; for all others there is nothing to do.
SELECT steps
FROM lineage_upkeep
FOR UPDATE SKIP LOCKED;

-- name: count_step
-- Makes a transaction that began before this one ended, and would see an old closure, start again.
UPDATE lineage_upkeep
SET steps = steps + 1;

-- name: pending
SELECT id, address_id, downstream, spreads
FROM address_lineage_pending
ORDER BY id
LIMIT :limit;

-- name: more_pending
-- Whether there are changes that were made before this instant and not taken up with those before.
SELECT id
FROM address_lineage_pending
WHERE spreads AND id > :after
LIMIT 1;

-- name: done
DELETE FROM address_lineage_pending
WHERE id = ANY(:ids::BIGINT[]);

-- name: note
INSERT INTO address_lineage_pending (address_id, downstream, spreads)
SELECT i.id, :downstream, FALSE
FROM unnest(:ids::BIGINT[]) AS i (id);

-- name: affected_downstream
-- Whose kept downstream has one of these addresses in it.
SELECT DISTINCT c.ancestor_id AS id
FROM unnest(:ids::BIGINT[]) AS i (id)
INNER JOIN address_lineage_closure AS c ON c.descendant_id = i.id AND c.downstream;

-- name: affected_upstream
SELECT DISTINCT c.descendant_id AS id
FROM unnest(:ids::BIGINT[]) AS i (id)
INNER JOIN address_lineage_closure AS c ON c.ancestor_id = i.id AND c.upstream;

-- name: steps_downstream
-- One step from each address, and from all that are in its kept downstream: those will be asked for next.
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
    SELECT c.descendant_id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    INNER JOIN address_lineage_closure AS c ON c.ancestor_id = i.id AND c.downstream
) AS w;

-- name: steps_upstream
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
    SELECT c.ancestor_id
    FROM unnest(:ids::BIGINT[]) AS i (id)
    INNER JOIN address_lineage_closure AS c ON c.descendant_id = i.id AND c.upstream
) AS w;

-- name: kept_downstream
SELECT i.id, r.address_id IS NULL OR r.downstream IS NOT NULL AS kept, c.reached, c.depths
FROM unnest(:ids::BIGINT[]) AS i (id)
LEFT JOIN address_lineage_reach AS r ON r.address_id = i.id
LEFT JOIN LATERAL (
    SELECT array_agg(x.descendant_id) AS reached, array_agg(x.depth) AS depths
    FROM address_lineage_closure AS x
    WHERE x.ancestor_id = i.id AND x.downstream
) AS c ON TRUE;

-- name: kept_upstream
SELECT i.id, r.address_id IS NULL OR r.upstream IS NOT NULL AS kept, c.reached, c.depths
FROM unnest(:ids::BIGINT[]) AS i (id)
LEFT JOIN address_lineage_reach AS r ON r.address_id = i.id
LEFT JOIN LATERAL (
    SELECT array_agg(x.ancestor_id) AS reached, array_agg(x.depth) AS depths
    FROM address_lineage_closure AS x
    WHERE x.descendant_id = i.id AND x.upstream
) AS c ON TRUE;

-- name: place_downstream
INSERT INTO address_lineage_closure AS c (ancestor_id, descendant_id, depth, downstream)
SELECT i.start, i.reached, i.depth, TRUE
FROM unnest(:starts::BIGINT[], :reached::BIGINT[], :depths::INTEGER[]) AS i (start, reached, depth)
ON CONFLICT (ancestor_id, descendant_id) DO UPDATE SET depth = excluded.depth, downstream = TRUE;

-- name: place_upstream
INSERT INTO address_lineage_closure AS c (ancestor_id, descendant_id, depth, upstream)
SELECT i.reached, i.start, i.depth, TRUE
FROM unnest(:starts::BIGINT[], :reached::BIGINT[], :depths::INTEGER[]) AS i (start, reached, depth)
ON CONFLICT (ancestor_id, descendant_id) DO UPDATE SET depth = excluded.depth, upstream = TRUE;

-- name: lose_downstream
-- Two statements in one: what the other direction keeps as well stays as its own.
WITH lost AS (
    SELECT i.start, i.reached
    FROM unnest(:starts::BIGINT[], :reached::BIGINT[]) AS i (start, reached)
),

gone AS (
    DELETE FROM address_lineage_closure AS c
    USING lost AS l
    WHERE c.ancestor_id = l.start AND c.descendant_id = l.reached AND NOT c.upstream
)

UPDATE address_lineage_closure AS c
SET downstream = FALSE
FROM lost AS l
WHERE c.ancestor_id = l.start AND c.descendant_id = l.reached AND c.upstream;

-- name: lose_upstream
WITH lost AS (
    SELECT i.start, i.reached
    FROM unnest(:starts::BIGINT[], :reached::BIGINT[]) AS i (start, reached)
),

gone AS (
    DELETE FROM address_lineage_closure AS c
    USING lost AS l
    WHERE c.descendant_id = l.start AND c.ancestor_id = l.reached AND NOT c.downstream
)

UPDATE address_lineage_closure AS c
SET upstream = FALSE
FROM lost AS l
WHERE c.descendant_id = l.start AND c.ancestor_id = l.reached AND c.downstream;

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
-- One step against the direction: addresses whose reach is not kept, and may be small enough now.
SELECT DISTINCT e.source_address_id AS id
FROM unnest(:ids::BIGINT[]) AS i (id)
INNER JOIN address_lineage AS e ON e.target_address_id = i.id AND e.valid_to IS NULL
INNER JOIN address_lineage_reach AS r ON r.address_id = e.source_address_id AND r.downstream IS NULL;

-- name: freed_upstream
SELECT DISTINCT e.target_address_id AS id
FROM unnest(:ids::BIGINT[]) AS i (id)
INNER JOIN address_lineage AS e ON e.source_address_id = i.id AND e.valid_to IS NULL
INNER JOIN address_lineage_reach AS r ON r.address_id = e.target_address_id AND r.upstream IS NULL;

-- name: mark
WITH marked AS (
    INSERT INTO address_lineage_pending (address_id, downstream, spreads)
    SELECT a.id, d.downstream, FALSE
    FROM (
        -- include: concerned
    ) AS a
    CROSS JOIN (VALUES (TRUE), (FALSE)) AS d (downstream)
    RETURNING id
)

SELECT count(*) AS entries
FROM marked;

-- name: addresses
SELECT a.id
FROM (
    -- include: concerned
) AS a
ORDER BY a.id;

-- name: concerned
-- All that have an edge or are in the closure.
SELECT source_address_id AS id FROM address_lineage WHERE valid_to IS NULL
UNION
SELECT target_address_id FROM address_lineage WHERE valid_to IS NULL
UNION
SELECT address_id FROM address_lineage_reach
UNION
SELECT ancestor_id FROM address_lineage_closure
UNION
SELECT descendant_id FROM address_lineage_closure

-- name: pending_addresses
SELECT DISTINCT address_id, downstream, spreads
FROM address_lineage_pending;
