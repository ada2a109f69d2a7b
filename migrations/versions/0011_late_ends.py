"""How far sweeps for late runs got, and when ends of alerts were learned."""

from watcher.adapters.postgres.migrate import run_sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0011_late_ends.sql")
