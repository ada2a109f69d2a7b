"""What of the logs of the checks becomes an alert, in PostgreSQL."""

from datetime import datetime

from watcher.adapters.postgres.database import Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.alert_sentences import AlertKind

SQL = load("alert_collecting")


async def collect(transaction: Transaction, now: datetime, since: datetime) -> None:
    """Writes down the spells that nobody knows of, and the ends of those that are known to last."""
    for kind in AlertKind:
        await transaction.rows(SQL[f"collect_{kind}"], now=now, since=since)
