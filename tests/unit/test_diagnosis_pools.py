"""What the use of pools means: who is exhausted, who is told, and whether all fit."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.domain.diagnosis import Finding, Verdict
from watcher.domain.diagnosis_pools import FEW, LOOKS, Holding, PoolFacts, judged, pools
from watcher.domain.pool_names import PoolName

OK, WARNING, _ = Verdict
USABLE = 97


def name(program: str = "api", pid: int = 4711, host: str = "node-1", size: int = 8, number: int = 1) -> str:
    return PoolName.made(program, pid, number, host, size).text


def held(text: str, count: int = 2, busy: int = 0, *, here: bool = True, hidden: int = 0) -> Holding:
    return Holding(text, here=here, held=count, busy=busy, hidden=hidden)


def found(*looks: Sequence[Holding], usable: int = USABLE, pooled: bool = False) -> list[Finding]:
    return list(judged(PoolFacts(looks, pooled), usable))


def thrice(*holdings: Holding, usable: int = USABLE, pooled: bool = False) -> list[Finding]:
    return found(*[holdings] * LOOKS, usable=usable, pooled=pooled)


def test_each_pool_is_told_with_what_it_holds_what_is_busy_and_what_it_may() -> None:
    (finding,) = thrice(held(name("worker", 4720, size=2), 1, 1), held(name(), 3))
    assert finding.verdict is OK
    assert finding.detail == (
        "api 4711@node-1: 3 of 8, 0 busy; worker 4720@node-1: 1 of 2, 1 busy; "
        "at most 10 together, of 97 that the server admits"
    )


def test_where_nobody_is_connected_it_says_so() -> None:
    (finding,) = thrice()
    assert (finding.verdict, finding.detail) == (OK, "no other process holds a connection of its own")
    (finding,) = found()
    assert finding.detail == "no other process holds a connection of its own"


def test_what_differs_from_look_to_look_is_told_as_a_range() -> None:
    (finding,) = found([held(name(), 2, 2)], [held(name(), 3, 0)], [held(name(), 2, 1)])
    assert finding.detail.startswith("api 4711@node-1: 3 of 8, 0 to 2 busy;")


@pytest.mark.parametrize(
    ("busy", "verdicts"),
    [
        ((2, 2, 2), [OK, WARNING]),
        ((2, 3, 2), [OK, WARNING]),  # a statement that was given up may go on on the server
        ((2, 1, 2), [OK]),
        ((1, 2, 2), [OK]),
        ((2, 2, 0), [OK]),
    ],
)
def test_a_pool_is_exhausted_that_is_full_at_each_look(busy: Sequence[int], verdicts: list[Verdict]) -> None:
    findings = found(*([held(name(size=2), max(2, each), each)] for each in busy))
    assert [each.verdict for each in findings] == verdicts


def test_a_pool_that_came_or_went_meanwhile_is_not_exhausted() -> None:
    full = [held(name(size=2), 2, 2)]
    assert len(found([], full, full)) == len(found(full, full, [])) == 1


def test_a_migration_uses_what_it_has() -> None:
    (finding,) = thrice(held(name("migrate", size=1), 1, 1))
    assert finding.detail.startswith("migrate 4711@node-1: 1 of 1, 1 busy;")


def test_who_is_exhausted_is_named_with_what_to_do() -> None:
    _, finding = thrice(
        held(name(size=1), 1, 1), held(name(size=2, pid=5), 2, 1), held(name(size=3, pid=6), 3, 3)
    )
    assert finding.topic == "pools"
    assert finding.detail == (
        "exhausted, all busy in each of 3 looks within 0.5 s: api 6@node-1 (3), api 4711@node-1 (1)"
    )
    assert finding.advice is not None
    assert "WATCHER_POOL_SIZE" in finding.advice


@pytest.mark.parametrize(("usable", "verdicts"), [(16, [OK]), (15, [OK, WARNING])])
def test_all_pools_together_are_compared_with_what_the_server_admits(
    usable: int, verdicts: list[Verdict]
) -> None:
    findings = thrice(held(name()), held(name(pid=5), here=False), usable=usable)
    assert [each.verdict for each in findings] == verdicts
    assert (
        f"at most 16 together, with those of other databases of the server, of {usable} that"
        in findings[0].detail
    )
    assert "node-1: 2 of 8" in findings[0].detail
    assert " 5@" not in findings[0].detail
    if len(findings) > 1:
        assert "may take 16 connections, and the server admits 15" in findings[1].detail


def test_pools_on_another_database_are_not_judged() -> None:
    assert len(thrice(held(name(size=1), 1, 1, here=False))) == 1


def test_many_are_told_by_program_with_the_fullest() -> None:
    apis = [held(name(pid=pid), 4, 1) for pid in range(1, 121)]
    workers = [held(name("worker", pid, size=2), 2, int(pid == 7)) for pid in range(1, 81)]
    finding = thrice(*apis, *workers, usable=2_000)[0]
    assert finding.detail == (
        "120 of api: 480 of 960, 120 busy; 80 of worker: 160 of 160, 1 busy; "
        "the fullest: worker 7@node-1: 2 of 2, 1 busy, api 1@node-1: 4 of 8, 1 busy, api 2@node-1: 4 of 8, 1 busy; "
        "at most 1,120 together, of 2,000 that the server admits"
    )


@pytest.mark.parametrize(("count", "by_one"), [(FEW, True), (FEW + 1, False)])
def test_few_are_told_one_by_one(count: int, *, by_one: bool) -> None:
    detail = thrice(*(held(name(pid=pid)) for pid in range(1, count + 1)))[0].detail
    assert ("the fullest" not in detail) is by_one


def test_what_goes_through_a_pooler_is_told_of_as_that() -> None:
    (finding,) = thrice(held("watcher", 3, 3), held(name()), held("watcher api of theirs", 1))
    assert (
        "; 4 more have no process's name, as behind a pooler, where pools are not seen one by one;"
        in finding.detail
    )
    (finding,) = thrice(held("watcher", 3, 3), pooled=True)
    assert finding.detail == (
        "no other process holds a connection of its own; "
        "behind the pooler pools are not seen one by one, but its connections: 3 others than this"
    )
    (finding,) = thrice(held("watcher", 3, 3, here=False))
    assert "more" not in finding.detail


def test_what_a_role_may_not_see_is_not_called_idle() -> None:
    (finding,) = thrice(held(name(size=2), 2, 0, hidden=2))
    assert finding.detail.startswith("api 4711@node-1: 2 of 2, this role may not see how many are busy;")
    (finding,) = found([held(name(), 2, 0, hidden=1)], [held(name(), 2, 0)], [held(name(), 2, 0)])
    assert "2 of 8, 0 busy" in finding.detail


HOLDINGS = st.builds(
    Holding,
    name=st.sampled_from(["watcher", "watcher what", *(name(pid=pid, size=pid) for pid in (1, 2, 3))]),
    here=st.booleans(),
    held=st.integers(1, 4),
    busy=st.integers(0, 4),
    hidden=st.integers(0, 1),
)
LOOK = st.lists(HOLDINGS, unique_by=lambda each: (each.name, each.here), max_size=8)


@given(st.lists(LOOK, min_size=LOOKS, max_size=LOOKS), st.integers(1, 20))
def test_a_pool_s_figures_are_within_what_was_seen(looks: list[list[Holding]], usable: int) -> None:
    seen = pools(looks)
    assert len(seen) == len({(each.name.text, each.here) for each in seen})
    for pool in seen:
        of_it = [
            each for look in looks for each in look if (each.name, each.here) == (pool.name.text, pool.here)
        ]
        assert pool.held == max(each.held for each in of_it)
        assert max(pool.busy) == max(each.busy for each in of_it)
        assert len(pool.busy) == LOOKS
    findings = found(*looks, usable=usable)
    warned = any(pool.here and pool.is_exhausted for pool in seen) + (
        sum(pool.name.size for pool in seen) > usable
    )
    assert [each.verdict for each in findings] == [OK] + [WARNING] * warned
