-- One row: how far the sweeps for late runs got.
CREATE TABLE timeliness_upkeep (
    id BOOLEAN NOT NULL DEFAULT TRUE,
    checked_to TIMESTAMPTZ,
    CONSTRAINT timeliness_upkeep_pk PRIMARY KEY (id),
    CONSTRAINT timeliness_upkeep_one_row CHECK (id)
);

COMMENT ON COLUMN timeliness_upkeep.checked_to IS 'The instant of the last sweep that was completed';

INSERT INTO timeliness_upkeep (id) VALUES (TRUE);

-- A client may tell of an end days after it: how long it is told is counted from when it was learned.
ALTER TABLE alert ADD COLUMN end_learned_at TIMESTAMPTZ;

UPDATE alert
SET end_learned_at = ended_at
WHERE ended_at IS NOT NULL;

ALTER TABLE alert ADD CONSTRAINT alert_end_learned CHECK ((ended_at IS NULL) = (end_learned_at IS NULL));

COMMENT ON COLUMN alert.end_learned_at IS 'When alerting learned that it is over; ended_at may lie long before';
