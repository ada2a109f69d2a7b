-- name: declared
-- The address of that name, if its last declaration had this content.
SELECT id
FROM address
WHERE name_key = :name_key AND declaration = :declaration;

-- name: create
INSERT INTO address (
    name, name_key, name_folded, declaration, address_type_id, database_name, schema_name, table_name,
    primary_key, address_metadata, created_at
)
VALUES (
    :name, :name_key, :name_folded, :declaration, :address_type_id, :database_name, :schema_name, :table_name,
    :primary_key, (:address_metadata::TEXT)::JSONB, :now
)
ON CONFLICT (name_key) DO NOTHING
RETURNING id;

-- name: declare
-- Takes a declaration whose content differs from the last one.
UPDATE address
SET declaration = :declaration,
    address_type_id = :address_type_id,
    database_name = :database_name,
    schema_name = :schema_name,
    table_name = :table_name,
    primary_key = :primary_key,
    address_metadata = (:address_metadata::TEXT)::JSONB,
    updated_at = :now
WHERE name_key = :name_key AND declaration <> :declaration;

-- name: named
SELECT id
FROM address
WHERE name_key = :name_key;

-- name: hold
-- The address by id or by name, held until the transaction ends.
SELECT
    -- include: columns
FROM address AS a
WHERE a.id = :id OR a.name_key = :name_key
FOR NO KEY UPDATE;

-- name: change
UPDATE address
SET name = :name,
    name_key = :name_key,
    name_folded = :name_folded,
    address_type_id = :address_type_id,
    database_name = :database_name,
    schema_name = :schema_name,
    table_name = :table_name,
    primary_key = :primary_key,
    address_metadata = (:address_metadata::TEXT)::JSONB,
    updated_at = :updated_at
WHERE id = :id;

-- name: forget_declarations
-- Who declared lineage by the name that was given up declares something new by it.
UPDATE lineage_declaration
SET declaration = ''
WHERE valid_to IS NULL AND (:id = ANY(source_address_ids) OR :id = ANY(target_address_ids));

-- name: get
SELECT
    -- include: columns
FROM address AS a
WHERE a.id = :id;

-- name: page
-- With a pattern to be planned for its values: a part of few names is looked up, one of many met on the way.
SELECT
    -- include: columns
FROM address AS a
WHERE TRUE
    -- include: slice

-- name: page_named
SELECT
    -- include: columns
FROM address AS a
WHERE a.name_key = :name_key
    -- include: slice

-- name: page_of_types
-- Of each of the types one page of ids, read off the index in order; of all these the first ones.
SELECT
    -- include: columns
FROM (
    SELECT o.id
    FROM address_type AS t
    CROSS JOIN LATERAL (
        SELECT o.id
        FROM address AS o
        WHERE (o.address_type_id, o.id) > (t.id, :after) AND o.address_type_id <= t.id
        ORDER BY o.address_type_id, o.id
        LIMIT :limit
    ) AS o
    WHERE (:type_key::BYTEA IS NULL OR t.name_key = :type_key)
        AND (:group_key::BYTEA IS NULL OR t.group_key = :group_key)
    ORDER BY o.id
    LIMIT :limit
) AS p
INNER JOIN address AS a ON a.id = p.id
ORDER BY a.id;

-- name: slice
    AND (:pattern::TEXT IS NULL OR a.name_folded LIKE :pattern)
    AND (
        (:type_key::BYTEA IS NULL AND :group_key::BYTEA IS NULL)
        OR a.address_type_id = ANY(ARRAY(
            SELECT t.id
            FROM address_type AS t
            WHERE (:type_key IS NULL OR t.name_key = :type_key)
                AND (:group_key IS NULL OR t.group_key = :group_key)
        ))
    )
    AND a.id > :after
ORDER BY a.id
LIMIT :limit

-- name: columns
a.id, a.name, a.address_type_id, a.database_name, a.schema_name, a.table_name, a.primary_key,
a.address_metadata, a.created_at, a.updated_at
