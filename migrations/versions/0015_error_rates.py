"""What goes wrong in Watcher itself."""

from watcher.adapters.postgres.migrate import run_sql

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0015_error_rates.sql")
