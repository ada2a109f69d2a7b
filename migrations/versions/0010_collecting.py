"""Indexes by which alerts of all kinds are collected."""

from watcher.adapters.postgres.migrate import run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0010_collecting.sql")
