\set id 1 + :client_id + :clients * :done
\set done :done + 1
WITH ended AS (
    UPDATE pipeline_execution
    SET end_date = '2026-01-01T01:00:00Z',
        completed_successfully = TRUE,
        inserts = 100,
        updates = 10,
        soft_deletes = 1,
        total_rows = 111
    WHERE id = :id AND end_date IS NULL
    RETURNING pipeline_id, end_date, next_watermark
)
UPDATE pipeline AS p
SET watermark = COALESCE(e.next_watermark, p.next_watermark),
    last_target_insert = GREATEST(p.last_target_insert, e.end_date),
    last_target_update = GREATEST(p.last_target_update, e.end_date),
    last_target_soft_delete = GREATEST(p.last_target_soft_delete, e.end_date),
    load_lineage = FALSE
FROM ended AS e
WHERE p.id = e.pipeline_id;
