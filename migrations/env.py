"""Runs the migrations on the connection that `watcher.adapters.postgres.migrate` hands over."""

from alembic import context
from sqlalchemy import Connection

VERSION_TABLE = "schema_version"


def online(connection: Connection) -> None:
    context.configure(connection=connection, version_table=VERSION_TABLE, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def offline() -> None:
    context.configure(dialect_name="postgresql", version_table=VERSION_TABLE, as_sql=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    online(context.config.attributes["connection"])
