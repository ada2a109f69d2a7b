"""Incidents that end because their pipeline is inactive."""

from watcher.adapters.postgres.migrate import run_sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0012_incidents_of_inactive.sql")
