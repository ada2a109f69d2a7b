\set pipeline random(1, :pipelines)
INSERT INTO pipeline_execution (pipeline_id, start_date, watermark, next_watermark)
VALUES (:pipeline, '2026-01-01T00:00:00Z', '41', '42')
RETURNING id;
