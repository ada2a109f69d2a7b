-- Incidents end with their pipeline, when it is not active any more.
ALTER TABLE anomaly_incident
DROP CONSTRAINT anomaly_incident_ending_known,
ADD CONSTRAINT anomaly_incident_ending_known CHECK (
    ending IN ('recovered', 'overtaken', 'unflagged', 'deactivated', 'inactive')
);

COMMENT ON COLUMN anomaly_detection_rule.judged_to IS 'start_date of the latest run judged normal or anomalous by it';
