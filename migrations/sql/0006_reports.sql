-- The daily report, and what cleaning up looks for.

-- What the runs of a pipeline that started on one day (UTC) add up to; times in microseconds. Derived: a row is true
-- as long as `running` is 0 and none of the pipeline's runs of that day has an id beyond `report_upkeep.known_to`.
-- What is not known to be true is computed from the runs themselves, whenever it is asked for.
CREATE TABLE pipeline_day (
    pipeline_id BIGINT NOT NULL,
    day DATE NOT NULL,
    executions BIGINT NOT NULL,
    running BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    inserts NUMERIC NOT NULL,
    updates NUMERIC NOT NULL,
    soft_deletes NUMERIC NOT NULL,
    total_rows NUMERIC NOT NULL,
    duration NUMERIC NOT NULL,
    timed_rows NUMERIC NOT NULL,
    timed_duration NUMERIC NOT NULL,
    p95_duration DOUBLE PRECISION,
    -- GET /report/daily_pipeline?pipeline_id=
    CONSTRAINT pipeline_day_pk PRIMARY KEY (pipeline_id, day),
    CONSTRAINT pipeline_day_pipeline_known FOREIGN KEY (pipeline_id) REFERENCES pipeline (id),
    CONSTRAINT pipeline_day_not_empty CHECK (executions > 0)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

COMMENT ON COLUMN pipeline_day.timed_rows IS 'Rows of the runs that have a throughput; timed_duration is what those took';

-- GET /report/daily_pipeline : the last days first.
CREATE INDEX pipeline_day_by_day ON pipeline_day (day DESC, pipeline_id);

-- Refreshing: days on which some run had not ended.
CREATE INDEX pipeline_day_running ON pipeline_day (pipeline_id, day) WHERE running > 0;

-- One row: who holds it may change `pipeline_day`.
CREATE TABLE report_upkeep (
    id BOOLEAN NOT NULL DEFAULT TRUE,
    known_to BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT report_upkeep_pk PRIMARY KEY (id),
    CONSTRAINT report_upkeep_one_row CHECK (id)
);

COMMENT ON COLUMN report_upkeep.known_to IS 'Every run with an id up to this is on record for good, and taken into account';

INSERT INTO report_upkeep (id) VALUES (TRUE);

-- POST /log_cleanup: spells that ended long ago.
CREATE INDEX freshness_pipeline_log_ended ON freshness_pipeline_log (ended_at) WHERE ended_at IS NOT NULL;
