-- name: declared
-- The type of that name, if its last declaration had this content.
SELECT id
FROM address_type
WHERE name_key = :name_key AND declaration = :declaration;

-- name: create
INSERT INTO address_type (name, name_key, declaration, group_name, group_key, created_at)
VALUES (:name, :name_key, :declaration, :group_name, :group_key, :now)
ON CONFLICT (name_key) DO NOTHING
RETURNING id;

-- name: declare
-- Takes a declaration whose content differs from the last one.
UPDATE address_type
SET declaration = :declaration,
    group_name = :group_name,
    group_key = :group_key,
    updated_at = :now
WHERE name_key = :name_key AND declaration <> :declaration;

-- name: named
SELECT id
FROM address_type
WHERE name_key = :name_key;

-- name: hold
-- The type by id or by name, held until the transaction ends.
SELECT
    -- include: columns
FROM address_type AS t
WHERE t.id = :id OR t.name_key = :name_key
FOR NO KEY UPDATE;

-- name: change
UPDATE address_type
SET name = :name,
    name_key = :name_key,
    group_name = :group_name,
    group_key = :group_key,
    updated_at = :updated_at
WHERE id = :id;

-- name: get
SELECT
    -- include: columns
FROM address_type AS t
WHERE t.id = :id;

-- name: page
SELECT
    -- include: columns
FROM address_type AS t
WHERE t.id > :after
ORDER BY t.id
LIMIT :limit;

-- name: columns
t.id, t.name, t.group_name, t.created_at, t.updated_at
