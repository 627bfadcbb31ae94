"""The pages say what the golden files say."""

import pytest

from tests.translators.conformance import page
from translators.canonical.loss import LossKind

AGAIN = "run `make conformance` and review the difference"


def test_the_conformance_page_is_what_is_written_now() -> None:
    assert page.CONFORMANCE.read_text("utf-8") == page.conformance(), AGAIN


def test_the_page_of_losses_is_what_is_written_now() -> None:
    text = page.LOSSES.read_text("utf-8")
    assert text == page.losses(text), AGAIN


@pytest.mark.parametrize("kind", LossKind)
def test_every_kind_of_loss_is_told(kind: LossKind) -> None:
    assert f"| `{kind.value}` |" in page.LOSSES.read_text("utf-8")


def test_an_outcome_in_a_few_words() -> None:
    assert page.cell({"body": {}, "losses": []}) == "converted"
    assert page.cell({"body": {}, "losses": ["max_output_tokens=added: x"]}) == (
        "converted, adds `max_output_tokens`"
    )
    assert page.cell({"body": {}, "losses": ["turns[3].name=dropped", "a=clamped: b"]}) == (
        "lossy: `turns[].name` dropped, `a` clamped"
    )
    assert page.cell({"refused": "No.", "param": "n"}) == "refused: No. (`n`)"
