-- Collecting what is to be told: anomalies, and times of too much being pending, that were over when they were first seen.
CREATE INDEX anomaly_incident_over ON anomaly_incident (opened_at) WHERE ended_at IS NOT NULL;
CREATE INDEX queue_spell_over ON queue_spell (opened_at) WHERE ended_at IS NOT NULL;
