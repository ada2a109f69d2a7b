"""Centres and scales that a few wild values do not move."""

from random import Random
from statistics import median

import hypothesis.strategies as st
import pytest
from hypothesis import given

from watcher.domain.anomaly_scale import medians_without_each, middle, robust_sd

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=1))
def test_the_middle_is_the_median(values: list[float]) -> None:
    assert middle(sorted(values)) == pytest.approx(median(values))


@given(st.lists(numbers | st.sampled_from([0.0, 1.0]), min_size=2))
def test_each_value_is_left_out_of_the_median_it_is_compared_with(values: list[float]) -> None:
    without = [median(values[:index] + values[index + 1 :]) for index in range(len(values))]
    assert medians_without_each(values) == pytest.approx(without)


def test_the_scale_of_normal_values_is_their_standard_deviation() -> None:
    random = Random(1)
    assert robust_sd([random.gauss(0, 5) for _ in range(5_000)]) == pytest.approx(5, rel=0.15)


def test_heavy_tails_have_a_larger_scale_than_their_middle_says() -> None:
    random = Random(1)
    values = [random.gauss(0, 1) / random.random() for _ in range(5_000)]
    assert robust_sd(values) > 1.5 * 1.4826 * median(map(abs, values))


def test_one_value_in_fifty_does_not_move_the_scale() -> None:
    random = Random(1)
    values = [random.gauss(0, 1) for _ in range(98)]
    assert robust_sd([*values, 1e9, -1e9]) < 1.5 * robust_sd(values)


@given(st.lists(numbers), st.floats(0, 1000))
def test_the_scale_follows_its_unit(values: list[float], factor: float) -> None:
    assert robust_sd([value * factor for value in values]) == pytest.approx(
        robust_sd(values) * factor, abs=1e-3
    )


def test_nothing_and_what_never_varies_have_no_scale() -> None:
    assert robust_sd([]) == robust_sd([0.0] * 50) == 0
