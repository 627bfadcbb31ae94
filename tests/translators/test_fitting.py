"""Names made to fit: what fits stays, and no two become one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.fitting import Fitting

RULES = [
    (r"[A-Za-z0-9_-]+", 64),
    (r"[A-Za-z_][A-Za-z0-9_.:-]*", 128),
    (r"[A-Za-z0-9_-]+", 12),
    (r"[a-zA-Z0-9]{9}", 9),
]
NAMES = st.lists(st.text("aA_.-:1é ", max_size=14) | st.text(max_size=70), unique=True, max_size=8)


def fitted(names: list[str], pattern: str, most: int) -> list[str]:
    fitting = Fitting(pattern, most, names)
    return [fitting.given((name,), name, natural=True) for name in names]


@pytest.mark.parametrize(("pattern", "most"), RULES)
@given(names=NAMES)
def test_every_name_fits_and_no_two_become_one(pattern: str, most: int, names: list[str]) -> None:
    found = fitted(names, pattern, most)

    assert len(set(found)) == len(names)
    assert all(re.fullmatch(pattern, name) and len(name) <= most for name in found)
    for name, given_name in zip(names, found, strict=True):
        fits = 0 < len(name) <= most and re.fullmatch(pattern, name) is not None
        assert not fits or given_name == name


def test_long_names_with_one_beginning_stay_apart() -> None:
    first, second = fitted(["a" * 79 + "1", "a" * 79 + "2"], *RULES[0])

    assert first[:56] == second[:56] == "a" * 55 + "_"
    assert len(first) == len(second) == 64
    assert first != second


def test_a_name_becomes_the_same_whatever_stands_beside_it() -> None:
    assert fitted(["a.b"], *RULES[0]) == fitted(["c", "a.b", "d"], *RULES[0])[1:2]


def test_a_natural_name_is_never_given_to_another() -> None:
    (taken,) = fitted(["a.b"], *RULES[0])

    first, second = fitted(["a.b", taken], *RULES[0])

    assert second == taken
    assert first != taken


def test_a_name_that_no_candidate_can_satisfy_is_still_given() -> None:
    fitting = Fitting(r"%+", 5, ())
    assert len(fitting.given(("x",), "x", natural=True)) == 5
