"""What the tables and indexes of a database look like, and what that means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.domain.diagnosis import Finding, bytes_in_words, failed, listed, ok, warning

UNUSED_BYTES = 10 * 2**20
UNUSED_FOR = timedelta(days=7)
DEAD_ROWS, DEAD_SHARE = 10_000, 0.3
FREE_BYTES, FREE_SHARE = 100 * 2**20, 0.5


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table: `bytes` with its indexes, `heap` without; rows as the statistics count them.

    `free` is how much of `heap` no row needs, by an estimate; None where the statistics do not suffice for one.
    """

    name: str
    bytes: int
    live: int
    dead: int
    heap: int
    free: int | None


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index; `is_rule` where it keeps something unique and so has a use without being read."""

    name: str
    table_name: str
    bytes: int
    scans: int
    valid: bool
    is_rule: bool


def judged(
    tables: Sequence[TableFacts], indexes: Sequence[IndexFacts], counted_since: datetime | None, now: datetime
) -> Iterator[Finding]:
    """All that the facts mean. `counted_since` is when the statistics began, None where nobody knows."""
    yield _invalid(indexes)
    yield _unused(indexes, counted_since, now)
    yield _dead(tables)
    yield _free(tables)


def _invalid(indexes: Sequence[IndexFacts]) -> Finding:
    invalid = sorted(index.name for index in indexes if not index.valid)
    if not invalid:
        return ok("indexes", f"all {len(indexes):,} are valid")
    return failed(
        "indexes",
        f"invalid: {listed(invalid)}",
        f"REINDEX INDEX CONCURRENTLY {invalid[0]}, and likewise each.",
    )


def _unused(indexes: Sequence[IndexFacts], counted_since: datetime | None, now: datetime) -> Finding:
    """Without a beginning the statistics may be as young as the database, so that they accuse nobody."""
    unused = listed(
        [
            f"{index.name} ({bytes_in_words(index.bytes)})"
            for index in indexes
            if index.scans == 0 and not index.is_rule and index.bytes >= UNUSED_BYTES
        ]
    )
    if not unused:
        return ok("unused indexes", "none that is large")
    if counted_since is None:
        return ok(
            "unused indexes", f"the statistics do not say since when they count; not read by them: {unused}"
        )
    if counted_since > now - UNUSED_FOR:
        return ok("unused indexes", "the statistics are too young to tell")
    advice = (
        f"Nothing read them since {counted_since:%Y-%m-%d}, or since they were made; keep those of Watcher, "
        "a question may need them yet."
    )
    return warning("unused indexes", unused, advice)


def _dead(tables: Sequence[TableFacts]) -> Finding:
    bloated = [
        table
        for table in tables
        if table.dead >= DEAD_ROWS and table.dead >= DEAD_SHARE * (table.live + table.dead)
    ]
    if not bloated:
        return ok("dead rows", f"{sum(table.dead for table in tables):,}")
    told = listed([f"{table.name}: {table.dead:,} beside {table.live:,} live" for table in bloated])
    advice = f"VACUUM (ANALYZE) {bloated[0].name}; if they come back, look for long transactions, and at autovacuum."
    return warning("dead rows", told, advice)


def _free(tables: Sequence[TableFacts]) -> Finding:
    """New rows fill it, so it is a loss only where it is much, and more than half of the table."""
    hollow = [
        (table, table.free)
        for table in tables
        if table.free is not None and table.free > FREE_BYTES and table.free > FREE_SHARE * table.heap
    ]
    if not hollow:
        return ok("free space", "no table is large and mostly empty, by an estimate")
    told = listed(
        [
            f"{table.name}: about {bytes_in_words(free)} of {bytes_in_words(table.heap)}"
            for table, free in hollow
        ]
    )
    advice = "New rows will fill it; if none are to come, VACUUM FULL gives it back, and locks the table meanwhile."
    return warning("free space", told, advice)
