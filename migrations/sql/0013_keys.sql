-- API keys. Their secrets are nowhere: the digest is SHA-256, or HMAC-SHA256 with the pepper of the settings.
-- Room beside the rows keeps notes of their last use out of the index.
CREATE TABLE api_key (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    digest BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    CONSTRAINT api_key_pk PRIMARY KEY (id),
    CONSTRAINT api_key_scope_known CHECK (scope IN ('read', 'write', 'admin')),
    CONSTRAINT api_key_digest_whole CHECK (length(digest) = 32),
    CONSTRAINT api_key_expires_after_creation CHECK (expires_at > created_at)
) WITH (fillfactor = 50);

-- Every process reads those that can be used, every few seconds, however many there once were.
CREATE INDEX api_key_usable ON api_key ((COALESCE(expires_at, 'infinity'::TIMESTAMPTZ))) WHERE revoked_at IS NULL;
