-- name: create
-- Nothing where too many can be used already.
INSERT INTO api_key (id, name, scope, digest, created_at, expires_at)
SELECT :id, :name, :scope, :digest, :created_at, :expires_at
WHERE (
        SELECT count(*)
        FROM api_key AS k
        WHERE k.revoked_at IS NULL AND COALESCE(k.expires_at, 'infinity') > :created_at
    ) < :most::BIGINT
RETURNING id;

-- name: all
SELECT
    -- include: columns
FROM api_key AS k
ORDER BY k.created_at, k.id;

-- name: usable
SELECT k.id, k.scope, k.digest, k.expires_at
FROM api_key AS k
WHERE k.revoked_at IS NULL AND COALESCE(k.expires_at, 'infinity') > :now
ORDER BY k.id;

-- name: revoke
UPDATE api_key AS k
SET revoked_at = COALESCE(k.revoked_at, :now)
WHERE k.id = :id
RETURNING
    -- include: columns
;

-- name: used
WITH used AS MATERIALIZED (
    SELECT k.id, u.instant
    FROM unnest(:ids::TEXT[], :instants::TIMESTAMPTZ[]) AS u (id, instant)
    INNER JOIN api_key AS k ON k.id = u.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < u.instant
    ORDER BY k.id
    FOR NO KEY UPDATE OF k
)
UPDATE api_key AS k
SET last_used_at = u.instant
FROM used AS u
WHERE k.id = u.id;

-- name: columns
k.id, k.name, k.scope, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
