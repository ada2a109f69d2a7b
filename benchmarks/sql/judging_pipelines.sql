-- $1 pipelines.
WITH kind AS (
    INSERT INTO pipeline_type (name, name_key, created_at) VALUES ('load', sha256('load'), '2020-01-01') RETURNING id
)
INSERT INTO pipeline (name, name_key, declaration, pipeline_type_id, created_at)
SELECT n, sha256(n::TEXT::BYTEA), '', k.id, '2020-01-01'
FROM generate_series(1, $1::INTEGER) AS n, kind AS k;
