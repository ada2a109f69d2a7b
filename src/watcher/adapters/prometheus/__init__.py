"""Numbers for Prometheus. Nothing of this is imported where metrics are off."""
