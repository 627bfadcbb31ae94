"""What an exchange may cost and did cost: the route's price times the group's multiplier."""

from fractions import Fraction

import pytest

from catalog.prices import MAX_OUTPUT_TOKENS, PLAIN_TEXT, Price, Rates
from extproc.tariff import Tariff, affordable_output, worst_case_micro
from translators.canonical.usage import Usage

CHEAP = Price(Rates(1_000_000, 4_000_000, *[0] * 8), "list 1 a/cheap #1")
DEAR = Price(Rates(3_000_000, 15_000_000, 0, 0, 0, 0, 0, 0, 0, 0, request=5_000_000), "catalog #2")
FREE = Tariff(None)


def test_a_cost_counts_every_bucket_that_a_usage_has() -> None:
    tariff = Tariff(CHEAP, Fraction(3, 2))
    assert tariff.cost_micro(Usage(input_tokens=10, output_tokens=5)) == 45
    assert FREE.cost_micro(Usage(input_tokens=10)) is None


def test_the_fee_of_a_request_is_due_when_something_was_produced() -> None:
    assert Tariff(DEAR).cost_micro(Usage(input_tokens=1)) == 3 + 5_000
    assert Tariff(DEAR).cost_micro(Usage()) == 0
    assert Tariff(DEAR).cost_micro(Usage(input_tokens=0, output_tokens=0)) == 0


@pytest.mark.parametrize(
    ("tariff", "source"),
    [
        (Tariff(CHEAP), "list 1 a/cheap #1"),
        (Tariff(CHEAP, Fraction("1.25")), "list 1 a/cheap #1 x 1.25"),
        (Tariff(CHEAP, Fraction("0.000001")), "list 1 a/cheap #1 x 0.000001"),
        (Tariff(CHEAP, Fraction(0)), "list 1 a/cheap #1 x 0"),
        (FREE, None),
    ],
)
def test_the_record_says_whose_price_it_was_and_times_what(
    tariff: Tariff, source: str | None
) -> None:
    assert tariff.source == source


def test_a_hold_covers_the_dearest_of_the_routes() -> None:
    routes = (Tariff(CHEAP), Tariff(DEAR), FREE)
    worst = worst_case_micro(routes, 1_000, 100, PLAIN_TEXT)
    assert worst == Tariff(DEAR).worst_case_micro(1_000, 100, PLAIN_TEXT) == 3_000 + 1_500 + 5_000
    assert affordable_output(routes, worst, 1_000, PLAIN_TEXT) == 100
    assert affordable_output(routes, worst - 1, 1_000, PLAIN_TEXT) == 99
    assert affordable_output(routes, 7_999, 1_000, PLAIN_TEXT) is None, "one cannot be paid"


def test_without_any_price_nothing_is_held_and_nothing_is_bounded() -> None:
    assert worst_case_micro((FREE,), 1_000, 1_000) == 0
    assert affordable_output((FREE,), 0, 1_000) == MAX_OUTPUT_TOKENS
    assert FREE.worst_case_micro(1, 1) is None
    with pytest.raises(ValueError, match="without a price"):
        FREE.affordable_output(1, 1)
