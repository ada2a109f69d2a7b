"""The search for a reach, and what has to be written when it changed."""

from collections.abc import Mapping

import pytest

from watcher.domain.closure import NEIGHBOURS_BEYOND, Difference, Search, Wrong, may_free_others

DIAMOND = {1: [2, 3], 2: [4], 3: [4], 4: []}


def searched(steps: Mapping[int, list[int]], limit: int = 10) -> Search:
    search = Search(1, limit)
    assert search.advance(steps) == []
    return search


def test_a_search_finds_the_least_depths() -> None:
    assert searched({**DIAMOND, 1: [2, 3, 4]}).reach == {2: 1, 3: 1, 4: 1}
    assert searched(DIAMOND).reach == {2: 1, 3: 1, 4: 2}


def test_the_start_is_not_in_its_reach_however_it_gets_back_there() -> None:
    assert searched({1: [1, 2], 2: [2, 1]}).reach == {2: 1}


def test_who_has_no_neighbours_reaches_nothing() -> None:
    assert searched({1: []}).reach == {}


@pytest.mark.parametrize(("limit", "kept"), [(4, True), (3, True), (2, False)])
def test_a_reach_of_just_the_limit_is_kept(limit: int, kept: bool) -> None:
    assert (searched(DIAMOND, limit).reach is not None) == kept


def test_a_search_stops_where_edges_are_missing_and_goes_on_from_there() -> None:
    search, known = Search(1, 10), dict[int, list[int]]()
    asked = []
    while missing := search.advance(known):
        asked.append(sorted(missing))
        known |= {each: DIAMOND[each] for each in missing}
    assert asked == [[1], [2, 3], [4]]
    assert search.reach == {2: 1, 3: 1, 4: 2}
    assert search.advance({}) == []


def test_a_search_beyond_the_limit_asks_for_nothing_more() -> None:
    search = Search(1, 2)
    assert search.advance({1: [2, 3, 4]}) == []
    assert search.reach is None


def test_who_reaches_one_whose_reach_is_too_large_has_too_large_a_reach() -> None:
    search = Search(1, 10)
    assert search.advance({1: [2]}, beyond={2}) == []
    assert search.reach is None


def test_one_that_lies_elsewhere_matters_to_nobody() -> None:
    search = Search(1, 10)
    assert search.advance(DIAMOND, beyond={7}) == []
    assert search.reach == {2: 1, 3: 1, 4: 2}


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_some_neighbours_tell_as_much_as_all_where_they_are_too_many(limit: int) -> None:
    """Though the address itself, and who asks for it, may be among those that were loaded."""
    loaded = list(range(1, limit + NEIGHBOURS_BEYOND + 1))
    assert searched({1: [2], 2: loaded}, limit).reach is None
    assert searched({1: loaded}, limit).reach is None


def test_a_difference_is_what_was_placed_and_what_was_lost() -> None:
    difference = Difference.between({1: 1, 2: 2, 3: 1}, {1: 1, 2: 1, 4: 3})
    assert (difference.placed, difference.lost) == ({2: 1, 4: 3}, [3])


def test_a_reach_that_is_not_kept_any_more_is_lost_whole() -> None:
    difference = Difference.between({1: 1, 2: 2}, None)
    assert (difference.placed, difference.lost) == ({}, [1, 2])


def test_equal_reaches_differ_in_nothing() -> None:
    difference = Difference.between({1: 1}, {1: 1})
    assert (difference.placed, difference.lost) == ({}, [])


@pytest.mark.parametrize(
    ("stored", "was_kept", "found", "frees"),
    [
        ({1: 1}, True, {1: 1}, False),
        ({1: 1}, True, {1: 2, 2: 1}, False),
        ({1: 1}, True, {}, True),
        ({1: 1, 2: 1}, True, {2: 1, 3: 1}, True),
        ({1: 1}, True, None, False),
        ({}, False, {1: 1}, True),
        ({}, False, {}, True),
        ({}, False, None, False),
    ],
)
def test_who_lost_some_or_came_back_may_free_others(
    stored: dict[int, int], was_kept: bool, found: dict[int, int] | None, frees: bool
) -> None:
    assert may_free_others(stored, was_kept=was_kept, found=found) == frees


def test_what_is_wrong_is_said_in_a_sentence() -> None:
    assert str(Wrong(7, "upstream", None, 3)) == (
        "Address 7, upstream: the closure holds more than 128 addresses, the edges lead to 3 addresses."
    )
