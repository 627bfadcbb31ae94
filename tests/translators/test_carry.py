"""Seals that travel in a foreign client's own field come back as they were."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translators.canonical.sealed import Sealed
from translators.carry import (
    MARKS,
    PREFIX,
    opened,
    opened_base64,
    wrapped,
    wrapped_base64,
)

ISSUERS = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True)
PAYLOADS = st.text(st.characters(codec="utf-8"))
BASE64 = st.binary().map(lambda data: base64.b64encode(data).decode())
LIKE_OURS = base64.b64encode(b"clv1.other.value").decode()


@given(ISSUERS, ISSUERS, PAYLOADS)
@example("home", "home", "clv1.other.value")
@example("home", "away", "clv1.other.value")
@example("home", "away", "a.b\n.c")
def test_a_seal_comes_back_as_it_was(issuer: str, own: str, payload: str) -> None:
    sealed = Sealed(issuer, payload)

    assert opened(wrapped(sealed, own), own) == sealed


@given(ISSUERS, ISSUERS, BASE64)
@example("home", "home", LIKE_OURS)
@example("home", "away", LIKE_OURS)
@example("home", "home", base64.b64encode(b"clv1").decode())
@example("home", "home", base64.b64encode(b"clv1.no issuer").decode())
def test_a_seal_comes_back_through_a_field_of_base64(issuer: str, own: str, payload: str) -> None:
    sealed = Sealed(issuer, payload)
    text = wrapped_base64(sealed, own)

    base64.b64decode(text, validate=True)
    assert opened_base64(text, own) == sealed


def test_what_its_own_dialect_minted_is_not_touched() -> None:
    assert wrapped(Sealed("home", "EqQB"), "home") == "EqQB"
    assert wrapped_base64(Sealed("home", "EqQB"), "home") == "EqQB"
    assert opened("EqQB", "home") == Sealed("home", "EqQB")


def test_what_only_looks_like_ours_is_its_own_dialects() -> None:
    for text in ("clv1.", "clv1.x", "clv1..x", "clv2.x.y", "clv1.a b.c"):
        assert opened(text, "home") == Sealed("home", text)
    for text in ("Y2x2MS4", "Y2x2MS4!", base64.b64encode(b"clv1.\xff").decode()):
        assert opened_base64(text, "home") == Sealed("home", text)


@given(ISSUERS, BASE64)
def test_a_body_with_something_of_ours_shows_a_mark(issuer: str, payload: str) -> None:
    sealed = Sealed(issuer, payload)

    assert MARKS[0].decode() == PREFIX
    assert wrapped(sealed, "").startswith(MARKS[0].decode())
    assert wrapped_base64(sealed, "").startswith(MARKS[1].decode())


def test_an_issuer_that_could_not_be_read_back_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        wrapped(Sealed("a.b", "x"), "home")
