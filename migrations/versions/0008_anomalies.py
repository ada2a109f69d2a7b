"""The tables of anomalies."""

from watcher.adapters.postgres.migrate import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0008_anomalies.sql")
