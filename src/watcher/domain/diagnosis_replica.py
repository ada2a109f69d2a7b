"""What a look at the replica finds, and what that means."""

from dataclasses import dataclass

from watcher.domain.diagnosis import Finding, bytes_in_words, failed, milliseconds, ok, warning

BEHIND_BYTES = 64 * 2**20
"""Of the log: a replica that has so much before it is not read."""

INSTEAD = "Until then the primary is read instead."


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """A server that answered; `is_kin` where its record began as that of the primary."""

    answer_seconds: float
    is_kin: bool
    follows: bool
    behind_bytes: int


def judged(facts: ReplicaFacts | str) -> Finding:
    """The finding on a replica, or on why it cannot be looked at."""
    if isinstance(facts, str):
        return warning("replica", facts, f"See WATCHER_REPLICA_URL, and whether it runs. {INSTEAD}")
    if not facts.is_kin:
        told = "what WATCHER_REPLICA_URL leads to is no replica of this database"
        return failed(
            "replica", told, f"Name a streaming replica of it, and the same database there. {INSTEAD}"
        )
    if not facts.follows:
        told = "it follows nobody: it is the primary itself, or was made one"
        return failed(
            "replica", told, f"Name a streaming replica, or take WATCHER_REPLICA_URL away. {INSTEAD}"
        )
    told = f"answers within {milliseconds(facts.answer_seconds)}, {bytes_in_words(facts.behind_bytes)} behind"
    if facts.behind_bytes >= BEHIND_BYTES:
        return warning("replica", told, f"See what holds it up, pg_stat_replication tells. {INSTEAD}")
    return ok("replica", told)
