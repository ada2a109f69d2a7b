"""What goes wrong in Watcher itself."""

from watcher.adapters.postgres.migrate import run_sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0014_error_rates.sql")
