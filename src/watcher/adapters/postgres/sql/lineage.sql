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
-- All that a declaration does to the edges, if the version it was compared with still stands. It begins when the one
-- before ends, and that is never before that one began, whatever the clocks say. An edge that another pipeline owns
-- already is nothing new to the closure; should that one end at this moment, then its end is noted.
WITH closed AS (
    UPDATE lineage_declaration
    SET valid_to = GREATEST(:now, valid_from)
    WHERE id = :version AND valid_to IS NULL
    RETURNING valid_to
),

opened AS (
    INSERT INTO lineage_declaration (pipeline_id, valid_from, declaration, source_address_ids, target_address_ids)
    SELECT :pipeline_id, COALESCE((SELECT valid_to FROM closed), :now), :declaration,
        :sources::BIGINT[], :targets::BIGINT[]
    WHERE :version::BIGINT IS NULL OR EXISTS (SELECT FROM closed)
    ON CONFLICT (pipeline_id) WHERE valid_to IS NULL DO NOTHING
    RETURNING valid_from
),

ended AS (
    UPDATE address_lineage AS e
    SET valid_to = (SELECT valid_from FROM opened)
    WHERE e.pipeline_id = :pipeline_id
        AND e.valid_to IS NULL
        AND EXISTS (SELECT FROM opened)
        AND NOT (
            e.source_address_id IN (SELECT s.id FROM unnest(:sources::BIGINT[]) AS s (id))
            AND e.target_address_id IN (SELECT t.id FROM unnest(:targets::BIGINT[]) AS t (id))
        )
    RETURNING e.source_address_id, e.target_address_id
),

begun AS (
    INSERT INTO address_lineage (pipeline_id, source_address_id, target_address_id, valid_from)
    SELECT :pipeline_id, s.id, t.id, (SELECT valid_from FROM opened)
    FROM unnest(:sources::BIGINT[]) AS s (id)
    CROSS JOIN unnest(:targets::BIGINT[]) AS t (id)
    WHERE EXISTS (SELECT FROM opened)
        AND NOT EXISTS (
            SELECT FROM address_lineage AS e
            WHERE e.pipeline_id = :pipeline_id
                AND e.source_address_id = s.id
                AND e.target_address_id = t.id
                AND e.valid_to IS NULL
        )
    RETURNING source_address_id, target_address_id
),

changed AS (
    SELECT source_address_id, target_address_id FROM ended
    UNION ALL
    SELECT b.source_address_id, b.target_address_id
    FROM begun AS b
    WHERE NOT EXISTS (
        SELECT FROM address_lineage AS e
        WHERE e.source_address_id = b.source_address_id
            AND e.target_address_id = b.target_address_id
            AND e.valid_to IS NULL
    )
),

noted AS (
    INSERT INTO address_lineage_pending (address_id, downstream, spreads)
    SELECT DISTINCT source_address_id, TRUE, TRUE FROM changed
    UNION ALL
    SELECT DISTINCT target_address_id, FALSE, TRUE FROM changed
)

SELECT (SELECT count(*) FROM opened) AS opened,
    (SELECT count(*) FROM begun) AS created,
    (SELECT count(*) FROM ended) AS ended;

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
