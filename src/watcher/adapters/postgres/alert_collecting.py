"""What of the logs of the checks becomes an alert, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watcher.adapters.postgres.database import Transaction
from watcher.adapters.postgres.queries import load
from watcher.domain.alert_channels import Severity
from watcher.domain.alert_sentences import AlertKind
from watcher.domain.alerts import LINES

SQL = load("alert_collecting")


@dataclass(frozen=True, slots=True)
class Began:
    """What one message is to tell, by the alerts that it names."""

    message_id: int
    kind: AlertKind
    severity: Severity
    count: int
    first: Sequence[int]


async def collect(transaction: Transaction, now: datetime, since: datetime) -> Sequence[Began]:
    """Writes down the spells that nobody knows of, and the ends of those that are known to last."""
    return [
        Began(row["message_id"], kind, Severity(row["severity"]), row["spells"], row["first"])
        for kind in sorted(AlertKind)
        for row in await transaction.rows(SQL[f"collect_{kind}"], now=now, since=since, lines=LINES)
    ]
