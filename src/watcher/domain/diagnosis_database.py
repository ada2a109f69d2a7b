"""What a look into the database finds, and what that means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watcher.domain import diagnosis_pools, diagnosis_replica, diagnosis_schema, diagnosis_tables
from watcher.domain.diagnosis import (
    Finding,
    bytes_in_words,
    failed,
    listed,
    milliseconds,
    ok,
    warning,
)
from watcher.domain.diagnosis_pools import PoolFacts
from watcher.domain.diagnosis_replica import ReplicaFacts
from watcher.domain.diagnosis_schema import Objects
from watcher.domain.diagnosis_tables import IndexFacts, TableFacts

OLDEST, NEWEST = 15, 18
"""The versions of PostgreSQL that Watcher is tested with."""

SLOW_SECONDS = 0.05
"""A round trip that takes longer is felt in every request."""

CROWDED, FULL = 0.8, 0.95
"""Shares of the connections that the server admits."""

SKEW_NOTED, SKEW_WRONG = 2.0, 60.0
LONG_SECONDS, TOO_LONG_SECONDS = 300.0, 3_600.0
"""Of a transaction: nothing that Watcher does takes so long, and no vacuum removes what it may still see."""

WAIT_SECONDS = 1.0
MANY_JUDGEMENTS = 10_000


@dataclass(frozen=True, slots=True)
class TransactionFacts:
    """A transaction that is open."""

    pid: int
    program: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class WaitFacts:
    """Who waits for a lock, and for whom."""

    pid: int
    blockers: Sequence[int]
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """What waits to be done, how far back the rules for anomalies look, and whether any run was ever begun."""

    judgements: int
    failing_deliveries: int
    lookback_days: int | None
    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What a look into the database found. `usable` is how many connections it admits, `own` those of Watchers.

    `skew_seconds` is how far its clock is ahead of this machine's. `objects` and `expected` are its schema and
    the one that the migrations make. `unsafe` are settings with which it may lose what it has acknowledged.
    `work` is None where somebody holds the tables that tell of it, `counted_since` where the statistics were never reset.
    """

    version: str
    major: int
    connect_seconds: float
    answer_seconds: float
    skew_seconds: float
    usable: int
    used: int
    own: int
    busy: int
    pools: PoolFacts
    unsafe: Sequence[str]
    statement_seconds: float
    bytes: int
    counted_since: datetime | None
    transactions: Sequence[TransactionFacts]
    waits: Sequence[WaitFacts]
    tables: Sequence[TableFacts]
    indexes: Sequence[IndexFacts]
    objects: Objects
    expected: Objects
    work: WorkFacts | None
    replica: ReplicaFacts | str | None


class DatabaseExams(Protocol):
    """Looks into the database for a person: many statements, none of which writes or locks."""

    async def examined(self) -> DatabaseFacts | str:
        """The facts of a migrated database, or why they cannot be had."""
        ...

    async def work(self) -> WorkFacts | None:
        """What waits, by one short statement; None where it cannot be told."""
        ...


def judged(facts: DatabaseFacts, now: datetime) -> Iterator[Finding]:
    """All that the facts mean."""
    yield _version(facts)
    yield _latency(facts)
    yield _clock(facts)
    yield _connections(facts)
    yield from diagnosis_pools.judged(facts.pools, facts.usable)
    yield _durability(facts)
    yield from diagnosis_schema.judged(facts.objects, facts.expected)
    yield from diagnosis_tables.judged(facts.tables, facts.indexes, facts.counted_since, now)
    yield _size(facts)
    yield _transactions(facts.transactions)
    yield _waits(facts.waits)
    yield _work(facts.work)
    if facts.replica is not None:
        yield diagnosis_replica.judged(facts.replica)


def _version(facts: DatabaseFacts) -> Finding:
    if OLDEST <= facts.major <= NEWEST:
        return ok("PostgreSQL", facts.version)
    return warning("PostgreSQL", facts.version, f"Watcher is tested with PostgreSQL {OLDEST} to {NEWEST}.")


def _latency(facts: DatabaseFacts) -> Finding:
    told = f"answers within {milliseconds(facts.answer_seconds)}, connects within {milliseconds(facts.connect_seconds)}"
    if facts.answer_seconds < SLOW_SECONDS:
        return ok("database latency", told)
    return warning("database latency", told, "Run Watcher near its database: each request waits for this.")


def _clock(facts: DatabaseFacts) -> Finding:
    skew = facts.skew_seconds
    way = "ahead of" if skew > 0 else "behind"
    told = f"the database's is {abs(skew):,.1f} s {way} this machine's"
    advice = "Let NTP set the clocks of all machines: what is late is judged by them."
    if abs(skew) >= SKEW_WRONG:
        return failed("clock", told, advice)
    return warning("clock", told, advice) if abs(skew) >= SKEW_NOTED else ok("clock", told)


def _connections(facts: DatabaseFacts) -> Finding:
    told = f"{facts.used} of {facts.usable} are used, {facts.own} by Watcher, of which {facts.busy} are busy"
    advice = "Raise max_connections, lower WATCHER_POOL_SIZE, or put a PgBouncer in between."
    share = facts.used / max(facts.usable, 1)
    if share >= FULL:
        return failed("connections", told, advice)
    return warning("connections", told, advice) if share >= CROWDED else ok("connections", told)


def _durability(facts: DatabaseFacts) -> Finding:
    if not facts.unsafe:
        return ok("durability", "what is acknowledged is on disk")
    told = f"what is acknowledged may be lost with a crash: {listed(list(facts.unsafe))}"
    return warning("durability", told, "Switch it on: Watcher promises that what it acknowledged is kept.")


def _size(facts: DatabaseFacts) -> Finding:
    largest = listed([f"{table.name} {bytes_in_words(table.bytes)}" for table in facts.tables[:5]])
    return ok("size", f"{bytes_in_words(facts.bytes)}; the largest tables: {largest}")


def _transactions(transactions: Sequence[TransactionFacts]) -> Finding:
    long = [each for each in transactions if each.seconds >= LONG_SECONDS]
    if not long:
        return ok("transactions", f"none is open for longer than {LONG_SECONDS:.0f} s")
    told = listed(
        [f"{each.program}, process {each.pid}, {each.state} for {each.seconds:,.0f} s" for each in long]
    )
    advice = (
        f"Nothing is cleaned up behind it. End it where it began, or by pg_terminate_backend({long[0].pid})."
    )
    worst = max(each.seconds for each in long)
    return (failed if worst >= TOO_LONG_SECONDS else warning)("transactions", told, advice)


def _waits(waits: Sequence[WaitFacts]) -> Finding:
    long = [wait for wait in waits if wait.seconds >= WAIT_SECONDS]
    if not long:
        return ok("locks", "nobody waits for long")
    told = listed(
        [
            f"process {wait.pid} waits since {wait.seconds:,.0f} s for {listed([str(pid) for pid in wait.blockers])}"
            for wait in long
        ]
    )
    return warning("locks", told, "See what holds them in pg_stat_activity, and end that.")


def _work(work: WorkFacts | None) -> Finding:
    if work is None:
        return warning("work", "what waits cannot be seen: somebody holds a table", "See `locks`.")
    told = f"{work.judgements:,} runs wait to be judged, {work.failing_deliveries:,} messages could not be sent yet"
    if work.failing_deliveries:
        return warning(
            "work", told, "GET /alert_delivery?state=failed says why; `watcher alerts test` tries each."
        )
    if work.judgements >= MANY_JUDGEMENTS:
        return warning("work", told, "Start more workers if it stays so.")
    return ok("work", told)
