-- name: declared
-- The type of that name, if its last declaration had this content.
SELECT id
FROM pipeline_type
WHERE name_key = :name_key AND declaration = :declaration;

-- name: create
INSERT INTO pipeline_type (
    name, name_key, declaration, freshness_number, freshness_datepart, mute_freshness_check,
    timeliness_number, timeliness_datepart, mute_timeliness_check, created_at
)
VALUES (
    :name, :name_key, :declaration, :freshness_number, (:freshness_datepart::TEXT)::DATEPART,
    :mute_freshness_check, :timeliness_number, (:timeliness_datepart::TEXT)::DATEPART,
    :mute_timeliness_check, :now
)
ON CONFLICT (name_key) DO NOTHING
RETURNING id;

-- name: declare
-- Takes a declaration whose content differs from the last one.
UPDATE pipeline_type
SET declaration = :declaration,
    freshness_number = :freshness_number,
    freshness_datepart = (:freshness_datepart::TEXT)::DATEPART,
    mute_freshness_check = :mute_freshness_check,
    timeliness_number = :timeliness_number,
    timeliness_datepart = (:timeliness_datepart::TEXT)::DATEPART,
    mute_timeliness_check = :mute_timeliness_check,
    updated_at = :now
WHERE name_key = :name_key AND declaration IS DISTINCT FROM :declaration;

-- name: named
SELECT id
FROM pipeline_type
WHERE name_key = :name_key;

-- name: ensure
-- Creates a type that a pipeline names, unless it is there.
INSERT INTO pipeline_type (name, name_key, created_at)
VALUES (:name, :name_key, :now)
ON CONFLICT (name_key) DO NOTHING
RETURNING id;

-- name: hold
-- The type by id or by name, held until the transaction ends.
SELECT
    -- include: columns
FROM pipeline_type AS t
WHERE t.id = :id OR t.name_key = :name_key
FOR NO KEY UPDATE;

-- name: change
UPDATE pipeline_type
SET name = :name,
    name_key = :name_key,
    freshness_number = :freshness_number,
    freshness_datepart = (:freshness_datepart::TEXT)::DATEPART,
    mute_freshness_check = :mute_freshness_check,
    timeliness_number = :timeliness_number,
    timeliness_datepart = (:timeliness_datepart::TEXT)::DATEPART,
    mute_timeliness_check = :mute_timeliness_check,
    updated_at = :updated_at
WHERE id = :id;

-- name: get
SELECT
    -- include: columns
FROM pipeline_type AS t
WHERE t.id = :id;

-- name: page
SELECT
    -- include: columns
FROM pipeline_type AS t
WHERE t.id > :after
ORDER BY t.id
LIMIT :limit;

-- name: columns
t.id, t.name, t.freshness_number, t.freshness_datepart::TEXT AS freshness_datepart,
t.mute_freshness_check, t.timeliness_number, t.timeliness_datepart::TEXT AS timeliness_datepart,
t.mute_timeliness_check, t.created_at, t.updated_at
