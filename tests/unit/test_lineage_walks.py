"""Walks over a graph, and what of it is shown."""

import pytest

from watcher.domain.lineage_graph import Direction, Surroundings
from watcher.domain.lineage_walks import Pair, Walk, nearest, owned_by, shown_pairs, walked, walks

STEPS = {1: {2, 3}, 2: {4}, 3: {4, 3}, 4: {5, 1}, 5: set[int]()}


def walk(*starts: int, depth: int = 10, limit: int = 10) -> dict[int, int]:
    walk = Walk(starts=starts or [1], direction=Direction.DOWNSTREAM, depth=depth, limit=limit)
    return walked(walk, lambda each: STEPS[each])


def test_a_walk_finds_everyone_once_at_the_least_depth() -> None:
    assert walk() == {1: 0, 2: 1, 3: 1, 4: 2, 5: 3}
    assert walk(2, 3) == {2: 0, 3: 0, 4: 1, 5: 2, 1: 2}


def test_a_walk_ends_at_its_depth() -> None:
    assert walk(depth=1) == {1: 0, 2: 1, 3: 1}


def test_a_walk_ends_after_the_level_that_goes_beyond_its_limit() -> None:
    assert walk(limit=2) == {1: 0, 2: 1, 3: 1}
    assert walk(limit=3) == {1: 0, 2: 1, 3: 1, 4: 2}


def test_a_question_is_walked_one_step_further_than_it_asks() -> None:
    first, second = walks(Surroundings(start="a", depth=3, limit=7), 1)
    assert first == Walk(starts=[1], direction=Direction.DOWNSTREAM, depth=4, limit=7)
    assert second == Walk(starts=[1], direction=Direction.UPSTREAM, depth=4, limit=7)


def test_the_nearest_come_first_and_of_those_the_oldest() -> None:
    assert nearest([{9: 0, 4: 2, 3: 1}, {9: 0, 2: 2, 3: 3}], 5, 3) == ({9: 0, 3: 1, 2: 2}, True)
    assert nearest([{9: 0, 4: 2}], 5, 2) == ({9: 0, 4: 2}, False)
    assert nearest([], 5, 2) == ({}, False)


@pytest.mark.parametrize(("depth", "shown", "more"), [(1, [9, 3], True), (2, [9, 3, 2, 4], False)])
def test_what_is_too_far_away_is_not_shown_but_said(depth: int, shown: list[int], more: bool) -> None:
    found, said = nearest([{9: 0, 4: 2, 3: 1}, {9: 0, 2: 2, 3: 3}], depth, 10)
    assert (list(found), said) == (shown, more)


def test_edges_are_shown_as_long_as_no_more_pipelines_own_them() -> None:
    pairs = [Pair(1, 2, [7, 8]), Pair(1, 3, [7]), Pair(2, 3, [7, 8, 9])]
    assert shown_pairs(pairs, 6) == (pairs, False)
    assert shown_pairs(pairs, 5) == (pairs[:2], True)
    assert shown_pairs(pairs, 2) == (pairs[:1], True)
    assert shown_pairs(pairs, 0) == (pairs[:1], True), "one at least"
    assert shown_pairs([], 0) == ([], False)


def test_of_many_owners_the_oldest_hundred_are_shown() -> None:
    assert owned_by((1, 2), {3, 1}) == Pair(1, 2, [1, 3])
    assert owned_by((1, 2), range(100)) == Pair(1, 2, [*range(100)])
    assert owned_by((1, 2), range(101)) == Pair(1, 2, [*range(100)], more=True)
