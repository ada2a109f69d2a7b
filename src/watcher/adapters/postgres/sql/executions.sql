-- name: start_roots
-- Begins many runs that have neither a parent nor an external id. Answers what it began; what is missing
-- from the answer was refused. Rows that are equal in all that is answered are interchangeable, so callers
-- are told apart by content: no id has to be drawn ahead of the insert.
INSERT INTO pipeline_execution (pipeline_id, start_date, watermark, next_watermark)
SELECT i.pipeline_id, i.start_date, i.watermark, i.next_watermark
FROM unnest(:pipeline_ids::BIGINT[], :start_dates::TIMESTAMPTZ[], :watermarks::TEXT[], :next_watermarks::TEXT[])
    WITH ORDINALITY AS i (pipeline_id, start_date, watermark, next_watermark, position)
INNER JOIN pipeline AS p ON p.id = i.pipeline_id
ORDER BY i.position
RETURNING id, pipeline_id, start_date, watermark, next_watermark;

-- name: start
-- Begins many runs. Answers (position, id) for those that it began; what is missing from the answer was
-- refused or is a repeat, and changed nothing.
WITH input AS MATERIALIZED (
    SELECT i.*
    FROM unnest(
        :pipeline_ids::BIGINT[], :start_dates::TIMESTAMPTZ[], :watermarks::TEXT[], :next_watermarks::TEXT[],
        :parent_ids::BIGINT[], :external_ids::TEXT[]
    ) WITH ORDINALITY AS i (
        pipeline_id, start_date, watermark, next_watermark, parent_id, external_id, position
    )
)
-- include: admit
, begun AS (
    INSERT INTO pipeline_execution (
        id, pipeline_id, start_date, watermark, next_watermark, parent_id, external_id
    )
    SELECT a.id, a.pipeline_id, a.start_date, a.watermark, a.next_watermark, a.parent_id, a.external_id
    FROM admitted AS a
    ORDER BY a.pipeline_id, a.external_id, a.position
    ON CONFLICT (pipeline_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
    RETURNING id, parent_id
)
-- include: nest
SELECT a.position, a.id
FROM admitted AS a
INNER JOIN begun AS b ON b.id = a.id;

-- name: end
-- Ends many runs. Answers (position, id) for those that it ended; what is missing was refused or is a
-- repeat, and changed nothing. Of several outcomes for one run the first that can be counts. Runs are locked
-- by ascending id, so that two such statements never wait for each other in a circle; who is locked need not be
-- asked again whether it runs. It is asked by `completed_successfully`: by `end_date IS NULL` the planner may
-- read all that run, from `pipeline_execution_running`, for each that ends.
WITH held AS MATERIALIZED (
    SELECT i.*
    FROM unnest(
        :ids::BIGINT[], :end_dates::TIMESTAMPTZ[], :successes::BOOLEAN[], :inserts::BIGINT[],
        :updates::BIGINT[], :soft_deletes::BIGINT[], :total_rows::BIGINT[], :metadata::TEXT[]
    ) WITH ORDINALITY AS i (
        id, end_date, completed_successfully, inserts, updates, soft_deletes, total_rows, metadata, position
    )
    INNER JOIN pipeline_execution AS e ON e.id = i.id
    WHERE e.completed_successfully IS NULL AND e.start_date <= i.end_date
    ORDER BY i.id, i.position
    FOR NO KEY UPDATE OF e
),
ended AS (
    UPDATE pipeline_execution AS e
    SET end_date = i.end_date,
        completed_successfully = i.completed_successfully,
        inserts = i.inserts,
        updates = i.updates,
        soft_deletes = i.soft_deletes,
        total_rows = i.total_rows,
        execution_metadata = i.metadata::JSONB
    FROM (SELECT DISTINCT ON (h.id) h.* FROM held AS h ORDER BY h.id, h.position) AS i
    WHERE e.id = i.id
    RETURNING e.id, e.pipeline_id, e.start_date, e.end_date, e.completed_successfully, e.next_watermark,
        e.inserts, e.updates, e.soft_deletes, i.position
)
-- include: advance
SELECT e.position, e.id, e.id = ANY(ARRAY(SELECT q.pipeline_execution_id FROM queued AS q)) AS watched
FROM ended AS e;

-- name: record
-- Takes many runs that are over. Answers (position, id) for those that it recorded; what is missing was
-- refused or is a repeat, and changed nothing.
WITH input AS MATERIALIZED (
    SELECT i.*
    FROM unnest(
        :pipeline_ids::BIGINT[], :start_dates::TIMESTAMPTZ[], :watermarks::TEXT[], :next_watermarks::TEXT[],
        :parent_ids::BIGINT[], :external_ids::TEXT[], :end_dates::TIMESTAMPTZ[], :successes::BOOLEAN[],
        :inserts::BIGINT[], :updates::BIGINT[], :soft_deletes::BIGINT[], :total_rows::BIGINT[],
        :metadata::TEXT[]
    ) WITH ORDINALITY AS i (
        pipeline_id, start_date, watermark, next_watermark, parent_id, external_id, end_date,
        completed_successfully, inserts, updates, soft_deletes, total_rows, metadata, position
    )
)
-- include: admit
, begun AS (
    INSERT INTO pipeline_execution (
        id, pipeline_id, start_date, watermark, next_watermark, parent_id, external_id, end_date,
        completed_successfully, inserts, updates, soft_deletes, total_rows, execution_metadata
    )
    SELECT a.id, a.pipeline_id, a.start_date, a.watermark, a.next_watermark, a.parent_id, a.external_id,
        a.end_date, a.completed_successfully, a.inserts, a.updates, a.soft_deletes, a.total_rows,
        a.metadata::JSONB
    FROM admitted AS a
    ORDER BY a.pipeline_id, a.external_id, a.position
    ON CONFLICT (pipeline_id, external_id) WHERE external_id IS NOT NULL DO NOTHING
    RETURNING id, parent_id
)
-- include: nest
, ended AS MATERIALIZED (
    SELECT a.*
    FROM admitted AS a
    INNER JOIN begun AS b ON b.id = a.id
)
-- include: advance
SELECT e.position, e.id, e.id = ANY(ARRAY(SELECT q.pipeline_execution_id FROM queued AS q)) AS watched
FROM ended AS e;

-- name: admit
-- Part of a statement that begins runs (out of `input`): those whose pipeline and parent are known, each with
-- an id drawn ahead of the insert, so that results are told apart by it.
, admitted AS MATERIALIZED (
    SELECT i.*, nextval('pipeline_execution_id_seq') AS id
    FROM input AS i
    INNER JOIN pipeline AS p ON p.id = i.pipeline_id
    WHERE i.parent_id IS NULL OR EXISTS (SELECT FROM pipeline_execution AS e WHERE e.id = i.parent_id)
    ORDER BY i.position
)

-- name: nest
-- Part of a statement that begins runs (`begun`): their places in the tree.
, nested AS (
    INSERT INTO pipeline_execution_closure (ancestor_id, descendant_id, depth)
    SELECT b.parent_id, b.id, 1
    FROM begun AS b
    WHERE b.parent_id IS NOT NULL
    UNION ALL
    SELECT c.ancestor_id, b.id, c.depth + 1
    FROM begun AS b
    INNER JOIN pipeline_execution_closure AS c ON c.descendant_id = b.parent_id
)

-- name: advance
-- Part of a statement that ends runs (`ended`): what the successes among them do to their pipelines, by the
-- rule `advanced` of the domain applied in the order of `position`. Pipelines are locked by ascending id, so
-- that two such statements never wait for each other in a circle, and judged as they are once locked.
, gained AS MATERIALIZED (
    SELECT
        e.pipeline_id,
        max(e.end_date) FILTER (WHERE e.inserts > 0) AS last_insert,
        max(e.end_date) FILTER (WHERE e.updates > 0) AS last_update,
        max(e.end_date) FILTER (WHERE e.soft_deletes > 0) AS last_soft_delete,
        max(e.start_date) AS latest_start,
        (array_agg(e.next_watermark ORDER BY e.start_date DESC, e.position DESC))[1] AS latest_watermark,
        max(e.start_date) FILTER (WHERE e.next_watermark IS NOT NULL) AS carrying_start,
        (
            array_agg(e.next_watermark ORDER BY e.start_date DESC, e.position DESC)
            FILTER (WHERE e.next_watermark IS NOT NULL)
        )[1] AS carried_watermark
    FROM ended AS e
    WHERE e.completed_successfully
    GROUP BY e.pipeline_id
),
reached AS MATERIALIZED (
    SELECT
        p.id,
        GREATEST(p.last_target_insert, g.last_insert) AS last_target_insert,
        GREATEST(p.last_target_update, g.last_update) AS last_target_update,
        GREATEST(p.last_target_soft_delete, g.last_soft_delete) AS last_target_soft_delete,
        CASE
            WHEN p.next_watermark IS NULL THEN g.carrying_start
            ELSE g.latest_start
        END AS watermark_started,
        CASE
            WHEN p.next_watermark IS NULL THEN g.carried_watermark
            ELSE COALESCE(g.latest_watermark, p.next_watermark)
        END AS watermark
    FROM pipeline AS p
    INNER JOIN gained AS g ON g.pipeline_id = p.id
    ORDER BY p.id
    FOR NO KEY UPDATE OF p
),
advanced AS (
    UPDATE pipeline AS p
    SET last_target_insert = r.last_target_insert,
        last_target_update = r.last_target_update,
        last_target_soft_delete = r.last_target_soft_delete,
        load_lineage = FALSE,
        watermark = CASE
            WHEN r.watermark_started >= COALESCE(p.watermark_started, '-infinity') THEN r.watermark
            ELSE p.watermark
        END,
        watermark_started = GREATEST(p.watermark_started, r.watermark_started)
    FROM reached AS r
    WHERE p.id = r.id
),
-- What is watched is noted as to be judged, by the rules that are active now. Else it is one look into a small index.
queued AS (
    INSERT INTO anomaly_pending (pipeline_execution_id, pipeline_id, rule_ids)
    SELECT e.id, e.pipeline_id, w.rule_ids
    FROM ended AS e
    CROSS JOIN LATERAL (
        SELECT array_agg(r.id) AS rule_ids
        FROM anomaly_detection_rule AS r
        WHERE r.pipeline_id = e.pipeline_id AND r.active
    ) AS w
    WHERE e.completed_successfully AND w.rule_ids IS NOT NULL
    RETURNING pipeline_execution_id
)

-- name: by_ids
SELECT
    -- include: columns
FROM pipeline_execution AS e
WHERE e.id = ANY(:ids::BIGINT[]);

-- name: refusals
-- Why a run could not begin: what is known of its pipeline, its parent and its external id.
SELECT
    i.position,
    EXISTS (SELECT FROM pipeline AS p WHERE p.id = i.pipeline_id) AS pipeline_known,
    i.parent_id IS NULL
        OR EXISTS (SELECT FROM pipeline_execution AS e WHERE e.id = i.parent_id) AS parent_known,
    (
        SELECT e.id
        FROM pipeline_execution AS e
        WHERE e.pipeline_id = i.pipeline_id AND e.external_id = i.external_id
    ) AS repeated_id
FROM unnest(:pipeline_ids::BIGINT[], :parent_ids::BIGINT[], :external_ids::TEXT[])
    WITH ORDINALITY AS i (pipeline_id, parent_id, external_id, position);

-- name: tree
SELECT
    -- include: shown
FROM (
    SELECT :id::BIGINT AS id, 0 AS depth
    UNION ALL
    SELECT c.descendant_id, c.depth
    FROM pipeline_execution_closure AS c
    WHERE c.ancestor_id = :id
) AS t
INNER JOIN pipeline_execution AS e ON e.id = t.id
ORDER BY t.depth, e.id;

-- name: position
SELECT start_date
FROM pipeline_execution
WHERE id = :id;

-- name: page_of_all
SELECT
    -- include: shown
FROM pipeline_execution AS e
WHERE TRUE
    -- include: slice

-- name: page_of_pipeline
SELECT
    -- include: shown
FROM pipeline_execution AS e
WHERE e.pipeline_id = :pipeline_id
    -- include: slice

-- name: page_of_parent
SELECT
    -- include: shown
FROM pipeline_execution AS e
WHERE e.parent_id = :parent_id
    -- include: slice

-- name: page_of_running
SELECT
    -- include: shown
FROM pipeline_execution AS e
WHERE e.end_date IS NULL
    -- include: slice

-- name: page_of_failed
SELECT
    -- include: shown
FROM pipeline_execution AS e
WHERE NOT e.completed_successfully
    -- include: slice

-- name: slice
    AND e.start_date >= COALESCE(:started_after, '-infinity'::TIMESTAMPTZ)
    AND e.start_date < COALESCE(:started_before, 'infinity'::TIMESTAMPTZ)
    AND (e.start_date, e.id) < (
        COALESCE(:after_start, 'infinity'::TIMESTAMPTZ), COALESCE(:after_id, 9223372036854775807)
    )
    AND (:pipeline_id::BIGINT IS NULL OR e.pipeline_id = :pipeline_id)
    AND (:parent_id::BIGINT IS NULL OR e.parent_id = :parent_id)
    AND (
        CASE :status::TEXT
            WHEN 'running' THEN e.end_date IS NULL
            WHEN 'succeeded' THEN e.completed_successfully
            WHEN 'failed' THEN NOT e.completed_successfully
            ELSE TRUE
        END
    )
ORDER BY e.start_date DESC, e.id DESC
LIMIT :limit

-- name: shown
-- The columns, and what is flagged of the metrics of which there is a verdict.
-- include: columns
,
(
    SELECT jsonb_object_agg(r.metric_field, r.standing = 'anomalous' AND r.unflagged_at IS NULL)
    FROM anomaly_detection_result AS r
    WHERE r.pipeline_execution_id = e.id AND r.standing <> 'learning'
) AS anomaly_flags

-- name: columns
e.id, e.parent_id, e.pipeline_id, e.start_date, e.end_date, e.duration_seconds, e.completed_successfully,
e.inserts, e.updates, e.soft_deletes, e.total_rows, e.watermark, e.next_watermark, e.external_id,
e.execution_metadata, e.throughput
