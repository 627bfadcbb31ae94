"""How customers pay and what they may spend: defaults, ceilings, and amounts for people."""

from decimal import Decimal

import pytest

from catalog import RateLimits, parse
from catalog.billing import Currency


def test_what_runs_today_keeps_running() -> None:
    """Without a word in the catalog customers are open, and a model needs no price."""
    billing = parse("version: 1\n", {}).billing
    assert (billing.prepaid, billing.free_use) == (False, True)
    assert (billing.minimum_output_tokens, billing.default_output_tokens) == (256, 4096)


@pytest.mark.parametrize(
    ("declared", "prepaid", "allowed"),
    [
        ("free_use: true", False, True),
        ("free_use: true", True, False),
        ("free_use: false", False, False),
        ("free_use: false", True, False),
    ],
)
def test_who_may_use_a_model_without_a_price(declared: str, prepaid: bool, allowed: bool) -> None:
    billing = parse(f"version: 1\nbilling: {{{declared}}}\n", {}).billing
    assert billing.allows_unpriced(prepaid=prepaid) is allowed


def test_ceilings_are_named_as_the_ledger_names_them_and_money_is_integers() -> None:
    text = "version: 1\ngroups: {g: {limits: {rpm: 60, tpm: 9, concurrency: 2, spend_per_day: 0.5,"
    text += " spend_per_week: '2.000001', spend_per_month: 1000}}}\n"
    assert parse(text, {}).groups["g"].limits.ceilings() == (
        ("requests", 60),
        ("tokens", 9),
        ("concurrency", 2),
        ("spend_day", 500_000),
        ("spend_week", 2_000_001),
        ("spend_month", 1_000_000_000),
    )
    limits = parse(text, {}).groups["g"].limits
    assert RateLimits.of(limits.ceilings()) == limits
    assert RateLimits().ceilings() == ()
    assert RateLimits(rpm=1).ceilings() == (("requests", 1),)


@pytest.mark.parametrize(
    ("currency", "micro", "shown"),
    [
        (Currency(), 12_345_678, "12.34 USD"),
        (Currency(), 0, "0.00 USD"),
        (Currency(), 9_999, "0.00 USD"),  # never more than there is
        (Currency(), -1, "-0.01 USD"),
        (Currency(decimals=6), 1, "0.000001 USD"),
        (Currency(code="JPY", per_usd=Decimal(150), decimals=0), 1_000_000, "150 JPY"),
        (Currency(code="EUR", per_usd=Decimal("0.9")), 10_000_000, "9.00 EUR"),
        (Currency(code="EUR", per_usd=Decimal("0.333333"), decimals=6), 3_000_000, "0.999999 EUR"),
    ],
)
def test_amounts_for_people(currency: Currency, micro: int, shown: str) -> None:
    assert currency.shown(micro) == shown
