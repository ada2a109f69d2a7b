-- Cleaning up: keys that were revoked, or expired, long ago.
CREATE INDEX api_key_over ON api_key ((LEAST(revoked_at, expires_at)))
WHERE LEAST(revoked_at, expires_at) IS NOT NULL;
