-- name: start
-- The address with that id or of that name, how large its kept reaches are, and the oldest of what is pending: where
-- there is more than that the closure is not asked at all.
SELECT a.id, u.pruned_before,
    CASE WHEN r.address_id IS NULL THEN 0 ELSE r.downstream END AS reached_downstream,
    CASE WHEN r.address_id IS NULL THEN 0 ELSE r.upstream END AS reached_upstream,
    p.addresses, p.downstream, p.spreads
FROM address AS a
CROSS JOIN lineage_upkeep AS u
LEFT JOIN address_lineage_reach AS r ON r.address_id = a.id
CROSS JOIN LATERAL (
    SELECT array_agg(x.address_id) AS addresses, array_agg(x.downstream) AS downstream, array_agg(x.spreads) AS spreads
    FROM (
        SELECT y.address_id, y.downstream, y.spreads
        FROM address_lineage_pending AS y
        ORDER BY y.id
        LIMIT :pending
    ) AS x
) AS p
WHERE a.id = :id OR a.name_key = :name_key;

-- name: kept_downstream
SELECT c.descendant_id AS id, c.depth
FROM address_lineage_closure AS c
WHERE c.ancestor_id = :start AND c.downstream AND c.depth <= :depth;

-- name: kept_upstream
SELECT c.ancestor_id AS id, c.depth
FROM address_lineage_closure AS c
WHERE c.descendant_id = :start AND c.upstream AND c.depth <= :depth;

-- name: walk_downstream
-- include: walk_begins
                -- include: step_downstream
-- include: walk_few
                -- include: step_downstream
-- include: walk_ends

-- name: walk_upstream
-- include: walk_begins
                -- include: step_upstream
-- include: walk_few
                -- include: step_upstream
-- include: walk_ends

-- name: walk_downstream_as_of
-- include: walk_begins
                -- include: step_downstream_as_of
-- include: walk_few
                -- include: step_downstream_as_of
-- include: walk_ends

-- name: walk_upstream_as_of
-- include: walk_begins
                -- include: step_upstream_as_of
-- include: walk_few
                -- include: step_upstream_as_of
-- include: walk_ends

-- name: step_downstream
SELECT e.target_address_id AS id
FROM unnest(w.frontier) AS x (id)
INNER JOIN address_lineage AS e ON e.source_address_id = x.id AND e.valid_to IS NULL

-- name: step_upstream
SELECT e.source_address_id AS id
FROM unnest(w.frontier) AS x (id)
INNER JOIN address_lineage AS e ON e.target_address_id = x.id AND e.valid_to IS NULL

-- name: step_downstream_as_of
SELECT e.target_address_id AS id
FROM unnest(w.frontier) AS x (id)
INNER JOIN address_lineage AS e ON e.source_address_id = x.id
WHERE e.valid_to IS NULL AND e.valid_from <= :as_of
UNION ALL
SELECT e.target_address_id AS id
FROM unnest(w.frontier) AS x (id)
INNER JOIN address_lineage AS e ON e.source_address_id = x.id
WHERE e.valid_to > :as_of AND e.valid_from <= :as_of

-- name: step_upstream_as_of
SELECT e.source_address_id AS id
FROM unnest(w.frontier) AS x (id)
INNER JOIN address_lineage AS e ON e.target_address_id = x.id
WHERE e.valid_to IS NULL AND e.valid_from <= :as_of
UNION ALL
SELECT e.source_address_id AS id
FROM unnest(w.frontier) AS x (id)
INNER JOIN address_lineage AS e ON e.target_address_id = x.id
WHERE e.valid_to > :as_of AND e.valid_from <= :as_of

-- name: walk_begins
-- Breadth first, a row for each level: whatever cycles there are, no address is visited twice. From many addresses
-- those visited are sorted out all together; from a few, as on a long chain, one by one, which is linear as well.
WITH RECURSIVE walk AS (
    SELECT 0 AS depth, :starts::BIGINT[] AS frontier, :starts::BIGINT[] AS visited
    UNION ALL
    SELECT w.depth + 1, n.ids, w.visited || n.ids
    FROM walk AS w
    CROSS JOIN LATERAL (
        SELECT array_agg(f.id) AS ids
        FROM (
            (
                SELECT s.id
                FROM (

-- name: walk_few
                ) AS s
                WHERE cardinality(w.frontier) > 4
                EXCEPT
                SELECT v.id
                FROM unnest(w.visited) AS v (id)
                WHERE cardinality(w.frontier) > 4
            )
            UNION ALL
            SELECT DISTINCT s.id
            FROM (

-- name: walk_ends
            ) AS s
            WHERE cardinality(w.frontier) <= 4 AND NOT s.id = ANY(w.visited)
        ) AS f
    ) AS n
    WHERE w.depth < :depth
        AND cardinality(w.visited) <= :limit
        AND n.ids IS NOT NULL
)

SELECT depth, frontier
FROM walk

-- name: places
SELECT a.id, a.name, t.name AS type, t.group_name AS "group", a.address_metadata AS metadata
FROM unnest(:ids::BIGINT[]) WITH ORDINALITY AS i (id, position)
INNER JOIN address AS a ON a.id = i.id
INNER JOIN address_type AS t ON t.id = a.address_type_id
ORDER BY i.position;

-- name: edges
-- include: edges_begin
SELECT e.source_address_id AS source, e.target_address_id AS target, e.pipeline_id
FROM unnest(:sources::BIGINT[]) AS s (id)
INNER JOIN address_lineage AS e ON e.source_address_id = s.id AND e.valid_to IS NULL
-- include: edges_end

-- name: edges_as_of
-- include: edges_begin
SELECT e.source, e.target, e.pipeline_id
FROM unnest(:sources::BIGINT[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT c.source_address_id AS source, c.target_address_id AS target, c.pipeline_id
    FROM address_lineage AS c
    WHERE c.source_address_id = s.id AND c.valid_to IS NULL AND c.valid_from <= :as_of
    UNION
    SELECT c.source_address_id, c.target_address_id, c.pipeline_id
    FROM address_lineage AS c
    WHERE c.source_address_id = s.id AND c.valid_to > :as_of AND c.valid_from <= :as_of
) AS e
-- include: edges_end

-- name: edges_begin
-- Every edge between two of the addresses, with the first of the pipelines that own it; as long as no more than
-- `limit` pipelines own them all, but at least one, and one more. `IS TRUE` keeps the test of the target a
-- test and no join, which for a list of unknown length might compare every edge with every address.
SELECT w.source, w.target, w.pipelines, w.more
FROM (
    SELECT v.source, v.target, v.pipelines, v.more,
        sum(cardinality(v.pipelines)) OVER (
            ORDER BY v.source, v.target ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - cardinality(v.pipelines) AS before,
        row_number() OVER (ORDER BY v.source, v.target) AS position
    FROM (
        SELECT u.source, u.target,
            (array_agg(u.pipeline_id ORDER BY u.pipeline_id))[:CAST(:owners AS INTEGER)] AS pipelines,
            count(*) > :owners AS more
        FROM (

-- name: edges_end
        ) AS u
        WHERE (u.target IN (SELECT t.id FROM unnest(:targets::BIGINT[]) AS t (id))) IS TRUE
        GROUP BY u.source, u.target
        ORDER BY u.source, u.target
        LIMIT :limit + 2
    ) AS v
) AS w
WHERE w.before <= :limit OR w.position <= 2
ORDER BY w.source, w.target;

-- name: owners
SELECT p.id, p.name, t.name AS type, p.active, r.id AS run_id, r.start_date, r.end_date, r.completed_successfully
FROM unnest(:ids::BIGINT[]) AS i (id)
INNER JOIN pipeline AS p ON p.id = i.id
INNER JOIN pipeline_type AS t ON t.id = p.pipeline_type_id
LEFT JOIN LATERAL (
    SELECT x.id, x.start_date, x.end_date, x.completed_successfully
    FROM pipeline_execution AS x
    WHERE x.pipeline_id = p.id
    ORDER BY x.start_date DESC, x.id DESC
    LIMIT 1
) AS r ON TRUE;
