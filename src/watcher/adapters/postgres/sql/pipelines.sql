-- name: unchanged
-- Of many declarations those whose content is that of the last one: nothing is to be written for them.
SELECT i.position, p.id, p.active, p.load_lineage, p.watermark
FROM unnest(:name_keys::BYTEA[], :declarations::BYTEA[], :next_watermarks::TEXT[])
    WITH ORDINALITY AS i (name_key, declaration, next_watermark, position)
INNER JOIN pipeline AS p ON p.name_key = i.name_key
WHERE p.declaration = i.declaration
    AND (i.next_watermark IS NULL OR p.next_watermark = i.next_watermark);

-- name: carry
-- Takes the next watermark of a declaration whose content is that of the last one.
UPDATE pipeline
SET next_watermark = :next_watermark
WHERE name_key = :name_key AND declaration = :declaration
RETURNING id, active, load_lineage, watermark;

-- name: create
-- Creates a pipeline, with the rules that new ones get by themselves; nothing where the name is taken.
WITH created AS (
    INSERT INTO pipeline (
        name, name_key, declaration, pipeline_type_id, next_watermark, pipeline_metadata,
        freshness_number, freshness_datepart, timeliness_number, timeliness_datepart, created_at
    )
    VALUES (
        :name, :name_key, :declaration, :pipeline_type_id, :next_watermark, (:pipeline_metadata::TEXT)::JSONB,
        :freshness_number, (:freshness_datepart::TEXT)::DATEPART,
        :timeliness_number, (:timeliness_datepart::TEXT)::DATEPART, :now
    )
    ON CONFLICT (name_key) DO NOTHING
    RETURNING id, active, load_lineage, watermark
),
ruled AS (
    INSERT INTO anomaly_detection_rule (
        pipeline_id, metric_field, declaration, z_threshold, lookback_days, minimum_executions, active, created_at
    )
    SELECT c.id, r.metric_field, r.declaration, r.z_threshold, r.lookback_days, r.minimum_executions, TRUE, :now
    FROM created AS c
    CROSS JOIN unnest(
        :rule_metrics::TEXT[], :rule_declarations::BYTEA[], :rule_thresholds::DOUBLE PRECISION[],
        :rule_lookbacks::INTEGER[], :rule_minimums::INTEGER[]
    ) AS r (metric_field, declaration, z_threshold, lookback_days, minimum_executions)
)
SELECT c.id, c.active, c.load_lineage, c.watermark
FROM created AS c;

-- name: declare
-- Takes a declaration: its content where that differs from the last one, its next watermark in any case.
UPDATE pipeline AS p
SET next_watermark = COALESCE(:next_watermark, p.next_watermark),
    declaration = :declaration,
    pipeline_type_id = CASE WHEN d.differs THEN :pipeline_type_id ELSE p.pipeline_type_id END,
    pipeline_metadata = CASE
        WHEN d.differs THEN (:pipeline_metadata::TEXT)::JSONB ELSE p.pipeline_metadata
    END,
    freshness_number = CASE WHEN d.differs THEN :freshness_number ELSE p.freshness_number END,
    freshness_datepart = CASE
        WHEN d.differs THEN (:freshness_datepart::TEXT)::DATEPART ELSE p.freshness_datepart
    END,
    timeliness_number = CASE WHEN d.differs THEN :timeliness_number ELSE p.timeliness_number END,
    timeliness_datepart = CASE
        WHEN d.differs THEN (:timeliness_datepart::TEXT)::DATEPART ELSE p.timeliness_datepart
    END,
    updated_at = CASE WHEN d.differs THEN :now ELSE p.updated_at END
FROM (
    SELECT h.id, h.declaration <> :declaration AS differs
    FROM pipeline AS h
    WHERE h.name_key = :name_key
    FOR NO KEY UPDATE
) AS d
WHERE p.id = d.id AND (d.differs OR p.next_watermark IS DISTINCT FROM COALESCE(:next_watermark, p.next_watermark))
RETURNING p.id, p.active, p.load_lineage, p.watermark;

-- name: named
SELECT id, active, load_lineage, watermark
FROM pipeline
WHERE name_key = :name_key;

-- name: hold
-- The pipeline by id or by name, held until the transaction ends.
SELECT
    -- include: columns
FROM pipeline AS p
WHERE p.id = :id OR p.name_key = :name_key
FOR NO KEY UPDATE;

-- name: change
UPDATE pipeline
SET name = :name,
    name_key = :name_key,
    pipeline_type_id = :pipeline_type_id,
    watermark = :watermark,
    next_watermark = :next_watermark,
    pipeline_metadata = (:pipeline_metadata::TEXT)::JSONB,
    last_target_insert = :last_target_insert,
    last_target_update = :last_target_update,
    last_target_soft_delete = :last_target_soft_delete,
    freshness_number = :freshness_number,
    freshness_datepart = (:freshness_datepart::TEXT)::DATEPART,
    mute_freshness_check = :mute_freshness_check,
    timeliness_number = :timeliness_number,
    timeliness_datepart = (:timeliness_datepart::TEXT)::DATEPART,
    mute_timeliness_check = :mute_timeliness_check,
    load_lineage = :load_lineage,
    active = :active,
    updated_at = :updated_at
WHERE id = :id;

-- name: get
SELECT
    -- include: columns
FROM pipeline AS p
WHERE p.id = :id;

-- name: page
SELECT
    -- include: columns
FROM pipeline AS p
WHERE p.id > :after
ORDER BY p.id
LIMIT :limit;

-- name: page_named
SELECT
    -- include: columns
FROM pipeline AS p
WHERE p.name_key = :name_key AND p.id > :after
ORDER BY p.id
LIMIT :limit;

-- name: columns
p.id, p.name, p.pipeline_type_id, p.watermark, p.next_watermark, p.pipeline_metadata,
p.last_target_insert, p.last_target_update, p.last_target_soft_delete,
p.freshness_number, p.freshness_datepart::TEXT AS freshness_datepart, p.mute_freshness_check,
p.timeliness_number, p.timeliness_datepart::TEXT AS timeliness_datepart, p.mute_timeliness_check,
p.load_lineage, p.active, p.created_at, p.updated_at
