"""What a look into the database means: verdicts at their limits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from watcher.domain.diagnosis import Finding, Verdict
from watcher.domain.diagnosis_database import (
    CROWDED,
    FULL,
    LONG_SECONDS,
    SKEW_NOTED,
    SKEW_WRONG,
    TOO_LONG_SECONDS,
    WAIT_SECONDS,
    DatabaseFacts,
    TransactionFacts,
    WaitFacts,
    WorkFacts,
    judged,
)
from watcher.domain.diagnosis_pools import PoolFacts
from watcher.domain.diagnosis_tables import (
    DEAD_ROWS,
    FREE_BYTES,
    UNUSED_BYTES,
    UNUSED_FOR,
    IndexFacts,
    TableFacts,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OK, WARNING, FAILED = Verdict
MIB = 2**20

WELL = DatabaseFacts(
    version="18.1",
    major=18,
    connect_seconds=0.001,
    answer_seconds=0.001,
    skew_seconds=0.0,
    usable=100,
    used=10,
    own=8,
    busy=1,
    pools=PoolFacts((), pooled=False),
    unsafe=(),
    statement_seconds=0.0,
    bytes=1,
    counted_since=NOW - UNUSED_FOR - timedelta(days=1),
    transactions=(),
    waits=(),
    tables=(),
    indexes=(),
    objects={},
    expected={},
    work=WorkFacts(0, 0, None, begun=True),
    replica=None,
)
UNREAD = IndexFacts("unread", "runs", UNUSED_BYTES, scans=0, valid=True, is_rule=False)
TABLE = TableFacts("runs", bytes=500 * MIB, live=1_000, dead=0, heap=400 * MIB, free=0)


def about(topic: str, facts: DatabaseFacts) -> Finding:
    (finding,) = [each for each in judged(facts, NOW) if each.topic == topic]
    assert (finding.advice is None) == (finding.verdict is OK)
    return finding


def test_of_a_database_that_is_well_nothing_is_said() -> None:
    assert {each.verdict for each in judged(WELL, NOW)} == {OK}


@pytest.mark.parametrize(
    ("index", "verdict"),
    [
        (UNREAD, WARNING),
        (replace(UNREAD, scans=1), OK),
        (replace(UNREAD, is_rule=True), OK),
        (replace(UNREAD, bytes=UNUSED_BYTES - 1), OK),
    ],
)
def test_an_index_is_unused_that_is_large_and_was_never_read(index: IndexFacts, verdict: Verdict) -> None:
    assert about("unused indexes", replace(WELL, indexes=[index])).verdict is verdict


@pytest.mark.parametrize(
    ("since", "verdict", "said"),
    [
        (NOW - UNUSED_FOR, WARNING, "unread (10.0 MiB)"),
        (NOW - UNUSED_FOR + timedelta(seconds=1), OK, "the statistics are too young to tell"),
        (
            None,
            OK,
            "the statistics do not say since when they count; not read by them: unread (10.0 MiB)",
        ),
    ],
)
def test_statistics_that_may_be_young_accuse_no_index(
    since: datetime | None, verdict: Verdict, said: str
) -> None:
    found = about("unused indexes", replace(WELL, indexes=[UNREAD], counted_since=since))
    assert (found.verdict, found.detail) == (verdict, said)


@pytest.mark.parametrize(
    ("live", "dead", "verdict"),
    [
        (0, DEAD_ROWS, WARNING),
        (0, DEAD_ROWS - 1, OK),
        (70_000, 30_000, WARNING),
        (71_000, 30_000, OK),
    ],
)
def test_dead_rows_are_noted_where_they_are_many_and_a_large_part(
    live: int, dead: int, verdict: Verdict
) -> None:
    assert about("dead rows", replace(WELL, tables=[replace(TABLE, live=live, dead=dead)])).verdict is verdict


@pytest.mark.parametrize(
    ("heap", "free", "verdict"),
    [
        (2 * FREE_BYTES, FREE_BYTES + MIB, WARNING),
        (FREE_BYTES, FREE_BYTES, OK),
        (400 * MIB, 200 * MIB, OK),
        (400 * MIB, 201 * MIB, WARNING),
        (400 * MIB, None, OK),
    ],
)
def test_free_space_is_noted_where_it_is_much_and_most_of_the_table(
    heap: int, free: int | None, verdict: Verdict
) -> None:
    found = about("free space", replace(WELL, tables=[replace(TABLE, heap=heap, free=free)]))
    assert found.verdict is verdict


def _open(*seconds: float) -> Sequence[TransactionFacts]:
    return [TransactionFacts(40 + at, "psql", "idle", each) for at, each in enumerate(seconds)]


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        ([LONG_SECONDS - 1], OK),
        ([1.0, LONG_SECONDS], WARNING),
        ([TOO_LONG_SECONDS - 1], WARNING),
        ([TOO_LONG_SECONDS, LONG_SECONDS], FAILED),
    ],
)
def test_transactions_that_stay_open_are_noted(seconds: Sequence[float], verdict: Verdict) -> None:
    found = about("transactions", replace(WELL, transactions=_open(*seconds)))
    assert found.verdict is verdict
    if verdict is not OK:
        assert found.advice is not None
        assert f"pg_terminate_backend({40 + (seconds[0] < LONG_SECONDS)})" in found.advice


def test_who_waits_for_long_is_named_with_those_he_waits_for() -> None:
    short, long = WaitFacts(7, [8], WAIT_SECONDS - 0.1), WaitFacts(9, [10, 11], WAIT_SECONDS)
    assert about("locks", replace(WELL, waits=[short])).verdict is OK
    found = about("locks", replace(WELL, waits=[short, long]))
    assert (found.verdict, found.detail) == (WARNING, "process 9 waits since 1 s for 10, 11")


@pytest.mark.parametrize(
    ("used", "verdict"),
    [
        (CROWDED * 100 - 1, OK),
        (CROWDED * 100, WARNING),
        (FULL * 100 - 1, WARNING),
        (FULL * 100, FAILED),
    ],
)
def test_connections_are_counted_against_those_that_there_may_be(used: float, verdict: Verdict) -> None:
    assert about("connections", replace(WELL, used=int(used))).verdict is verdict


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize(
    ("skew", "verdict"),
    [
        (SKEW_NOTED - 0.1, OK),
        (SKEW_NOTED, WARNING),
        (SKEW_WRONG - 0.1, WARNING),
        (SKEW_WRONG, FAILED),
    ],
)
def test_clocks_that_differ_are_noted_whichever_is_ahead(skew: float, way: int, verdict: Verdict) -> None:
    found = about("clock", replace(WELL, skew_seconds=way * skew))
    assert found.verdict is verdict
    assert ("ahead of" if way > 0 else "behind") in found.detail
