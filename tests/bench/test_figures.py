"""The arithmetic of the measurements, on numbers that can be checked by eye."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import figures

numbers = st.lists(st.floats(min_value=0.001, max_value=1e9), min_size=1, max_size=50)


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert figures.median([4, 1, 3, 2]) == 2.5


@pytest.mark.parametrize("percent, expected", [(50, 50), (99, 99), (100, 100), (1, 1), (99.5, 100)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert figures.percentile(list(range(100, 0, -1)), percent) == expected


def test_one_value_is_every_percentile() -> None:
    assert figures.percentile([7], 1) == figures.percentile([7], 99) == 7


@given(numbers, st.floats(min_value=0.1, max_value=100))
def test_at_least_that_share_does_not_exceed_a_percentile(
    values: list[float], percent: float
) -> None:
    found = figures.percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


def test_nothing_has_no_median_and_no_percentile() -> None:
    with pytest.raises(ValueError):
        figures.median([])
    with pytest.raises(ValueError):
        figures.percentile([], 50)


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_a_percentile_outside_of_the_hundred_is_refused(percent: float) -> None:
    with pytest.raises(ValueError):
        figures.percentile([1], percent)


def test_rounds_are_divided_by_the_round_beside_them() -> None:
    """A neighbour that doubles the cost of the second pair leaves its quotient alone."""
    assert figures.quotients([2, 40, 6], [1, 20, 3]) == [2, 2, 2]


def test_a_pair_whose_base_is_below_the_clock_says_nothing() -> None:
    assert figures.quotients([2, 4], [0, 2]) == [2]


def test_every_round_needs_its_pair() -> None:
    with pytest.raises(ValueError):
        figures.quotients([1, 2], [1])


@given(numbers)
def test_equal_sides_have_the_ratio_one(values: list[float]) -> None:
    assert figures.median(figures.quotients(values, values)) == 1


def test_the_spread_is_half_the_distance_of_the_quartiles() -> None:
    assert figures.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(1 / 3)
    assert figures.spread([2.0, 2.0, 2.0]) == 0
    assert figures.spread([2.0]) == 0


def test_a_chunk_costs_what_a_stream_costs_more_by_the_messages_it_takes_more() -> None:
    assert figures.per_chunk(4_500, 500, 55, 5) == 80


def test_no_more_messages_no_price_of_a_chunk() -> None:
    assert figures.per_chunk(4_500, 500, 5, 5) == 0
