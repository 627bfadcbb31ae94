"""Keys: what is minted is read back, everything else is refused, and nothing raises."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.keys import (
    ALPHABET,
    BODY_LENGTH,
    SHARDS,
    KeyHandle,
    check_prefix,
    hash_of,
    mint,
    new_id,
    parse,
    shard_of,
)

PREFIXES = ("sk-", "cc_user_", "s")
prefixes = st.sampled_from(PREFIXES)
shards = st.integers(0, SHARDS - 1).map(str)
positions = st.integers(0, 10**6)


@given(prefixes, shards)
def test_what_is_minted_is_read_back(prefix: str, shard: str) -> None:
    minted = mint(prefix, shard)
    assert parse(minted.secret, PREFIXES) == KeyHandle(minted.key_hash, shard)
    assert len(minted.secret) == len(prefix) + BODY_LENGTH
    assert minted.key_hash == hash_of(minted.secret)


@given(prefixes, shards, positions, st.characters(codec="utf-8"))
def test_any_change_of_one_character_is_refused(
    prefix: str, shard: str, position: int, letter: str
) -> None:
    secret = mint(prefix, shard).secret
    at = position % len(secret)
    changed = secret[:at] + letter + secret[at + 1 :]
    assert (parse(changed, (prefix,)) is None) == (changed != secret)


@given(prefixes, shards, positions)
def test_two_neighbours_exchanged_are_refused(prefix: str, shard: str, position: int) -> None:
    secret = mint(prefix, shard).secret
    at = position % (len(secret) - 1)
    changed = secret[:at] + secret[at + 1] + secret[at] + secret[at + 2 :]
    assert (parse(changed, PREFIXES) is None) == (changed != secret)


@given(shards, positions)
def test_a_cut_or_lengthened_key_is_refused(shard: str, position: int) -> None:
    secret = mint("sk-", shard).secret
    assert parse(secret[: position % len(secret)], PREFIXES) is None
    assert parse(secret + "0", PREFIXES) is None
    assert parse(" " + secret, PREFIXES) is None


@given(st.text(), st.lists(st.text(max_size=5), max_size=3))
def test_garbage_is_refused_and_never_raises(text: str, some: list[str]) -> None:
    assert parse(text, some) is None


@given(st.text(min_size=BODY_LENGTH, max_size=BODY_LENGTH))
def test_garbage_of_the_right_length_is_refused(body: str) -> None:
    assert parse("sk-" + body, PREFIXES) is None


@given(st.text(ALPHABET, min_size=BODY_LENGTH, max_size=BODY_LENGTH))
def test_the_right_letters_without_the_checksum_are_refused(body: str) -> None:
    assert parse("sk-" + body, PREFIXES) is None


def test_lone_surrogates_are_refused() -> None:
    assert parse("sk-" + "\ud800" * BODY_LENGTH, PREFIXES) is None


def test_a_prefix_that_begins_another_is_no_obstacle() -> None:
    minted = mint("sk-live-", "3")
    assert parse(minted.secret, ("sk-", "sk-live-")) == KeyHandle(minted.key_hash, "3")


def test_another_prefix_is_refused() -> None:
    assert parse(mint("sk-", "3").secret, ("cc_user_",)) is None


def test_keys_differ_and_show_nothing_of_themselves() -> None:
    some = [mint("sk-", "0") for _ in range(100)]
    assert len({minted.secret for minted in some}) == 100
    for minted in some:
        assert minted.secret not in repr(minted)
        assert minted.hint == f"sk-…{minted.secret[-4:]}"


@pytest.mark.parametrize("prefix", ["", " ", "sk ", "schlüssel-", "a\n", "x" * 33, "\x7f"])
def test_prefixes_that_no_header_can_carry_are_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        check_prefix(prefix)
    with pytest.raises(ValueError, match="prefix"):
        mint(prefix, "0")


@pytest.mark.parametrize("shard", ["-1", "32", "x"])
def test_there_are_32_shards(shard: str) -> None:
    with pytest.raises(ValueError, match=r"shard|invalid literal"):
        mint("sk-", shard)


def test_customers_spread_over_all_shards_and_stay_there() -> None:
    assert {shard_of(new_id("cus")) for _ in range(2000)} == {str(n) for n in range(SHARDS)}
    assert shard_of("cus_1") == "6"


def test_ids_say_what_they_name() -> None:
    found = new_id("key")
    assert found.startswith("key_")
    assert set(found[4:]) <= set(string.ascii_letters + string.digits)
    assert len({new_id("key") for _ in range(100)}) == 100
