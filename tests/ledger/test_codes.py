"""Redeem codes: their text catches what people mistype, and each is good for one entry."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.codes import ALPHABET, LENGTH, hash_of_code, mint_code, parse_code
from ledger.entries import Balance, EntryKind, RedeemCode, Redemption
from ledger.errors import NotFound
from ledger.model import Customer
from ledger.store.record import Record
from tests.ledger.samples import NOW_MS

letters = st.sampled_from(ALPHABET)


async def new_code(record: Record, expires_at_ms: int | None = None) -> tuple[RedeemCode, str]:
    [made] = await record.create_codes(
        1, 500, NOW_MS, expires_at_ms=expires_at_ms, actor="ada", reason="fair"
    )
    return made


async def new_customer(record: Record, name: str = "acme") -> Customer:
    return await record.create_customer(name, NOW_MS)


def hashed(code: str) -> str:
    found = parse_code(code)
    assert found is not None
    return found


def test_a_code_is_five_groups_and_its_hash_is_all_that_is_kept() -> None:
    minted = mint_code()
    assert [len(group) for group in minted.code.split("-")] == [5] * 5
    assert minted.hint == minted.code[-5:]
    assert minted.code_hash == hash_of_code(minted.code.replace("-", "")) == hashed(minted.code)
    assert minted.code not in repr(minted)
    assert mint_code().code != minted.code


@pytest.mark.parametrize("change", [str.lower, lambda c: c.replace("-", " "), lambda c: f" {c}\n"])
def test_how_it_is_typed_does_not_matter(change) -> None:  # type: ignore[no-untyped-def]
    minted = mint_code()
    assert parse_code(change(minted.code)) == minted.code_hash


def test_letters_that_look_like_digits_are_read_as_those() -> None:
    minted = mint_code()
    while not {"0", "1"} <= set(minted.code):
        minted = mint_code()
    typed = minted.code.replace("0", "O").replace("1", "l", 1).replace("1", "I")
    assert parse_code(typed) == minted.code_hash


@given(st.integers(0, LENGTH - 1), letters)
def test_every_wrong_character_is_refused(place: int, letter: str) -> None:
    code = mint_code().code.replace("-", "")
    wrong = code[:place] + letter + code[place + 1 :]
    assert (parse_code(wrong) is None) is (wrong != code)


@given(st.integers(0, LENGTH - 2))
def test_neighbours_that_changed_places_are_refused(place: int) -> None:
    code = mint_code().code.replace("-", "")
    wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert (parse_code(wrong) is None) is (wrong != code)


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    parse_code(text)


async def test_a_code_gives_its_amount_once(record: Record) -> None:
    customer, other = await new_customer(record), await new_customer(record, "other")
    code, text = await new_code(record)
    assert await record.codes() == [code]
    assert text not in repr(code)
    redeemed = await record.redeem_code(hashed(text), customer.id, NOW_MS + 1)
    assert redeemed.redemption is Redemption.REDEEMED
    entry = redeemed.entry
    assert entry is not None
    assert (entry.kind, entry.amount_micro, entry.reason) == (EntryKind.REDEEM, 500, "fair")
    assert (entry.customer_id, entry.actor, entry.created_at_ms) == (
        customer.id,
        customer.id,
        NOW_MS + 1,
    )
    again = await record.redeem_code(hashed(text), customer.id, NOW_MS + 2)
    assert (again.redemption, again.entry) == (Redemption.ALREADY, entry)
    late = await record.redeem_code(hashed(text), other.id, NOW_MS + 2)
    assert (late.redemption, late.entry) == (Redemption.USED, None)
    assert await record.balances() == {customer.id: Balance(500, 0)}
    [used] = await record.codes()
    assert (used.used_by, used.used_at_ms) == (customer.id, NOW_MS + 1)


async def test_of_many_who_redeem_at_once_one_does(record: Record) -> None:
    customers = [await new_customer(record, f"c{n}") for n in range(8)]
    code, _ = await new_code(record)
    tries = [record.redeem_code(code.code_hash, one.id, NOW_MS) for one in customers]
    outcomes = [one.redemption for one in await asyncio.gather(*tries)]
    assert sorted(outcomes) == [Redemption.USED] * 7 + [Redemption.REDEEMED]
    assert sum(b.credit_micro for b in (await record.balances()).values()) == 500


async def test_a_code_ends_with_its_time(record: Record) -> None:
    customer = await new_customer(record)
    code, _ = await new_code(record, NOW_MS + 10)
    late = await record.redeem_code(code.code_hash, customer.id, NOW_MS + 10)
    assert late.redemption is Redemption.EXPIRED
    assert await record.balances() == {}
    intime = await record.redeem_code(code.code_hash, customer.id, NOW_MS + 9)
    assert intime.redemption is Redemption.REDEEMED


async def test_a_revoked_code_is_worth_nothing(record: Record) -> None:
    customer = await new_customer(record)
    code, _ = await new_code(record)
    assert await record.revoke_code(code.code_hash, NOW_MS)
    assert not await record.revoke_code(code.code_hash, NOW_MS)
    redeemed = await record.redeem_code(code.code_hash, customer.id, NOW_MS)
    assert redeemed.redemption is Redemption.EXPIRED


async def test_a_used_code_cannot_be_revoked(record: Record) -> None:
    customer = await new_customer(record)
    code, _ = await new_code(record)
    await record.redeem_code(code.code_hash, customer.id, NOW_MS)
    assert not await record.revoke_code(code.code_hash, NOW_MS)
    assert not await record.revoke_code("00" * 32, NOW_MS)


async def test_what_is_no_code_of_ours_is_unknown(record: Record) -> None:
    customer = await new_customer(record)
    unknown = await record.redeem_code("00" * 32, customer.id, NOW_MS)
    assert unknown.redemption is Redemption.UNKNOWN
    code, _ = await new_code(record)
    with pytest.raises(NotFound):
        await record.redeem_code(code.code_hash, "cus_nobody", NOW_MS)
    [kept] = await record.codes()
    assert kept.used_by is None


async def test_codes_are_listed_page_by_page(record: Record) -> None:
    for turn in range(3):
        await record.create_codes(2, 7, NOW_MS + turn)
    pages: list[RedeemCode] = []
    before = None
    while page := await record.codes(4, before):
        pages += page
        before = (page[-1].created_at_ms, page[-1].code_hash)
    assert len({code.code_hash for code in pages}) == 6
    assert [code.created_at_ms - NOW_MS for code in pages] == [2, 2, 1, 1, 0, 0]


@pytest.mark.parametrize(("count", "amount"), [(0, 1), (10_001, 1), (1, 0), (1, -1), (1, 10**16)])
async def test_codes_that_cannot_be(record: Record, count: int, amount: int) -> None:
    with pytest.raises(ValueError):
        await record.create_codes(count, amount, NOW_MS)
    assert await record.codes() == []
