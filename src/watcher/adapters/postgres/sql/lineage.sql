-- name: standing
-- How many declarations stand to the record: to their pipelines, and to what those declared last.
SELECT i.position, p.load_lineage, d.id AS version, d.declaration = i.declaration AS unchanged
FROM unnest(:pipeline_ids::BIGINT[], :declarations::BYTEA[]) WITH ORDINALITY AS i (pipeline_id, declaration, position)
INNER JOIN pipeline AS p ON p.id = i.pipeline_id
LEFT JOIN lineage_declaration AS d ON d.pipeline_id = p.id AND d.valid_to IS NULL;

-- name: known_addresses
-- Those of the named addresses that are there; `same` where this was the last thing said about them.
SELECT i.position, a.id, a.declaration = i.declaration AS same
FROM unnest(:keys::BYTEA[], :declarations::BYTEA[]) WITH ORDINALITY AS i (name_key, declaration, position)
INNER JOIN address AS a ON a.name_key = i.name_key;

-- name: create_types
-- In the order of keys, as everywhere: two who create the same types do not wait for each other in a circle.
INSERT INTO address_type (name, name_key, group_name, group_key, declaration, created_at)
SELECT i.name, i.name_key, i.group_name, i.group_key, i.declaration, :now
FROM unnest(:names::TEXT[], :keys::BYTEA[], :groups::TEXT[], :group_keys::BYTEA[], :declarations::BYTEA[])
    AS i (name, name_key, group_name, group_key, declaration)
ORDER BY i.name_key
ON CONFLICT (name_key) DO NOTHING;

-- name: hold_types
-- Locks the types of which something new is said, in the order of keys. A statement of its own: who locks rows in a
-- part of the statement that updates them looks for them twice, and may meet somebody else in between.
SELECT t.id
FROM unnest(:keys::BYTEA[], :declarations::BYTEA[]) AS i (name_key, declaration)
INNER JOIN address_type AS t ON t.name_key = i.name_key
WHERE t.declaration <> i.declaration
ORDER BY t.name_key
FOR NO KEY UPDATE OF t;

-- name: declare_types
-- Takes what is said about the types that are held, where it is not what was said last.
UPDATE address_type AS t
SET group_name = i.group_name, group_key = i.group_key, declaration = i.declaration, updated_at = :now
FROM unnest(:keys::BYTEA[], :groups::TEXT[], :group_keys::BYTEA[], :declarations::BYTEA[])
    AS i (name_key, group_name, group_key, declaration)
WHERE t.id = ANY(:held::BIGINT[]) AND t.name_key = i.name_key AND t.declaration <> i.declaration;

-- name: create_addresses
INSERT INTO address (
    address_type_id, name, name_key, name_folded, declaration,
    database_name, schema_name, table_name, primary_key, address_metadata, created_at
)
SELECT t.id, i.name, i.name_key, i.name_folded, i.declaration,
    i.database_name, i.schema_name, i.table_name, i.primary_key, i.metadata::JSONB, :now
FROM
    -- include: addresses
INNER JOIN address_type AS t ON t.name_key = i.type_key
ORDER BY i.name_key
ON CONFLICT (name_key) DO NOTHING;

-- name: hold_addresses
SELECT a.id
FROM unnest(:keys::BYTEA[], :declarations::BYTEA[]) AS i (name_key, declaration)
INNER JOIN address AS a ON a.name_key = i.name_key
WHERE a.declaration <> i.declaration
ORDER BY a.name_key
FOR NO KEY UPDATE OF a;

-- name: declare_addresses
-- Takes what is said about the addresses that are held, where it is not what was said last.
UPDATE address AS a
SET address_type_id = t.id,
    declaration = i.declaration,
    database_name = i.database_name,
    schema_name = i.schema_name,
    table_name = i.table_name,
    primary_key = i.primary_key,
    address_metadata = i.metadata::JSONB,
    updated_at = :now
FROM
    -- include: addresses
INNER JOIN address_type AS t ON t.name_key = i.type_key
WHERE a.id = ANY(:held::BIGINT[]) AND a.name_key = i.name_key AND a.declaration <> i.declaration;

-- name: addresses
unnest(
    :names::TEXT[], :keys::BYTEA[], :folded::TEXT[], :declarations::BYTEA[], :type_keys::BYTEA[],
    :database_names::TEXT[], :schema_names::TEXT[], :table_names::TEXT[], :primary_keys::TEXT[], :metadata::TEXT[]
) AS i (
    name, name_key, name_folded, declaration, type_key,
    database_name, schema_name, table_name, primary_key, metadata
)

-- name: replace
-- All that declarations of different pipelines do to the edges, each if the version it was compared with still stands.
-- Answers (position, created, ended) for those that were taken. A declaration begins when the one before ends, and that
-- is never before that one began, whatever the clocks say. An edge that another pipeline owns already is nothing new to
-- the closure; should that one end at this moment, then its end is noted. Versions are locked first, then begun, both in
-- the order of pipelines, so that two such statements never wait for each other in a circle.
WITH input AS MATERIALIZED (
    SELECT i.pipeline_id, i.version, i.declaration, i.instant, i.sources::BIGINT[] AS sources,
        i.targets::BIGINT[] AS targets, i.position
    FROM unnest(
        :pipeline_ids::BIGINT[], :versions::BIGINT[], :declarations::BYTEA[], :instants::TIMESTAMPTZ[],
        :sources::TEXT[], :targets::TEXT[]
    ) WITH ORDINALITY AS i (pipeline_id, version, declaration, instant, sources, targets, position)
),
held AS MATERIALIZED (
    SELECT d.id
    FROM input AS i
    CROSS JOIN LATERAL (
        SELECT x.id
        FROM lineage_declaration AS x
        WHERE x.id = i.version AND x.valid_to IS NULL
        LIMIT 1
    ) AS k
    INNER JOIN lineage_declaration AS d ON d.id = k.id AND d.valid_to IS NULL
    ORDER BY i.pipeline_id
    FOR NO KEY UPDATE OF d
),
closed AS (
    UPDATE lineage_declaration AS d
    SET valid_to = GREATEST(i.instant, d.valid_from)
    FROM input AS i
    WHERE d.id = ANY(ARRAY(SELECT h.id FROM held AS h)) AND i.version = d.id
    RETURNING d.pipeline_id, d.valid_to
),
opened AS (
    INSERT INTO lineage_declaration (pipeline_id, valid_from, declaration, source_address_ids, target_address_ids)
    SELECT i.pipeline_id, COALESCE(c.valid_to, i.instant), i.declaration, i.sources, i.targets
    FROM input AS i
    LEFT JOIN closed AS c ON c.pipeline_id = i.pipeline_id
    WHERE i.version IS NULL OR c.pipeline_id IS NOT NULL
    ORDER BY i.pipeline_id
    ON CONFLICT (pipeline_id) WHERE valid_to IS NULL DO NOTHING
    RETURNING pipeline_id, valid_from, source_address_ids, target_address_ids
),
owned AS MATERIALIZED (
    SELECT o.pipeline_id, k.source, k.target, k.place
    FROM opened AS o
    CROSS JOIN LATERAL (
        SELECT e.source_address_id AS source, e.target_address_id AS target, e.ctid AS place
        FROM address_lineage AS e
        WHERE e.pipeline_id = o.pipeline_id AND e.valid_to IS NULL
        OFFSET 0
    ) AS k
),
wanted AS MATERIALIZED (
    SELECT o.pipeline_id, o.valid_from, s.id AS source, t.id AS target
    FROM opened AS o
    CROSS JOIN LATERAL unnest(o.source_address_ids) AS s (id)
    CROSS JOIN LATERAL unnest(o.target_address_ids) AS t (id)
),
ended AS (
    UPDATE address_lineage AS e
    SET valid_to = o.valid_from
    FROM opened AS o
    WHERE o.pipeline_id = e.pipeline_id AND e.ctid = ANY(
        ARRAY(
            SELECT h.place
            FROM owned AS h
            LEFT JOIN wanted AS w
                ON w.pipeline_id = h.pipeline_id AND w.source = h.source AND w.target = h.target
            WHERE w.pipeline_id IS NULL
        )
    )
    RETURNING e.pipeline_id, e.source_address_id, e.target_address_id
),
begun AS (
    INSERT INTO address_lineage (pipeline_id, source_address_id, target_address_id, valid_from)
    SELECT w.pipeline_id, w.source, w.target, w.valid_from
    FROM wanted AS w
    LEFT JOIN owned AS h ON h.pipeline_id = w.pipeline_id AND h.source = w.source AND h.target = w.target
    WHERE h.pipeline_id IS NULL
    RETURNING pipeline_id, source_address_id, target_address_id
),
changed AS MATERIALIZED (
    SELECT e.source_address_id, e.target_address_id
    FROM ended AS e
    UNION ALL
    SELECT b.source_address_id, b.target_address_id
    FROM begun AS b
    CROSS JOIN LATERAL (
        SELECT count(*) AS owners
        FROM address_lineage AS e
        WHERE e.source_address_id = b.source_address_id
            AND e.target_address_id = b.target_address_id
            AND e.valid_to IS NULL
    ) AS k
    WHERE k.owners = 0
),
noted AS (
    INSERT INTO address_lineage_pending (address_id, downstream, spreads)
    SELECT DISTINCT c.source_address_id, TRUE, TRUE FROM changed AS c
    UNION ALL
    SELECT DISTINCT c.target_address_id, FALSE, TRUE FROM changed AS c
)

SELECT i.position, COALESCE(b.edges, 0) AS created, COALESCE(e.edges, 0) AS ended
FROM opened AS o
INNER JOIN input AS i ON i.pipeline_id = o.pipeline_id
LEFT JOIN (SELECT x.pipeline_id, count(*) AS edges FROM begun AS x GROUP BY x.pipeline_id) AS b
    ON b.pipeline_id = o.pipeline_id
LEFT JOIN (SELECT x.pipeline_id, count(*) AS edges FROM ended AS x GROUP BY x.pipeline_id) AS e
    ON e.pipeline_id = o.pipeline_id;

-- name: pipeline
SELECT p.id, u.pruned_before
FROM pipeline AS p
CROSS JOIN lineage_upkeep AS u
WHERE p.id = :pipeline_id;

-- name: declared
SELECT valid_from, source_address_ids, target_address_ids
FROM lineage_declaration
WHERE pipeline_id = :pipeline_id AND valid_to IS NULL;

-- name: declared_as_of
SELECT valid_from, source_address_ids, target_address_ids
FROM lineage_declaration
WHERE pipeline_id = :pipeline_id AND valid_from <= :as_of AND (valid_to IS NULL OR valid_to > :as_of)
ORDER BY valid_from DESC, id DESC
LIMIT 1;

-- name: pruning
-- From now on the history begins here.
UPDATE lineage_upkeep
SET pruned_before = GREATEST(pruned_before, :before);

-- name: prune_edges
-- By their place in the table, which nothing changes any more: an edge that ended is never written again.
DELETE FROM address_lineage
WHERE ctid = ANY(
    ARRAY(
        SELECT e.ctid
        FROM address_lineage AS e
        WHERE e.valid_to <= :before
        ORDER BY e.valid_to
        LIMIT :limit
    )
)
RETURNING id;

-- name: prune_declarations
DELETE FROM lineage_declaration
WHERE ctid = ANY(
    ARRAY(
        SELECT d.ctid
        FROM lineage_declaration AS d
        WHERE d.valid_to <= :before
        ORDER BY d.valid_to
        LIMIT :limit
    )
)
RETURNING id;
