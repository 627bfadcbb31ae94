"""Accounts in Redis: how they come there, how they are set, and what they add up to."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from ledger.errors import StoreUnavailable
from ledger.model import (
    Account,
    AccountMode,
    AdmissionRequest,
    Applied,
    Hold,
    Pot,
    Settled,
    Verdict,
)
from ledger.plans import Turned, Turning
from ledger.records import charged, decode_record
from ledger.store.hot import HotStore
from tests.ledger.samples import (
    FACTS,
    KEY_HASH,
    LEASE_MS,
    NOW_MS,
    SHARD,
    attempt_of,
    settlement_of,
    turn_of,
)

PAYER = "cus_1"
PREPAID = Account(AccountMode.PREPAID, 1000, 500, NOW_MS + 60_000, 0, 3)


@pytest.fixture(autouse=True)
async def known_key(hot: HotStore) -> None:
    assert await hot.put_key(SHARD, KEY_HASH, FACTS)


@dataclass
class Bank:
    """What the record would say of an account, and how often it was asked."""

    account: Account = PREPAID
    asked: int = 0
    away: bool = False

    async def load(self, shard: str, customer_id: str) -> Account:
        assert (shard, customer_id) == (SHARD, PAYER)
        if self.away:
            raise StoreUnavailable
        self.asked += 1
        return self.account


@pytest.fixture
def bank(hot: HotStore) -> Bank:
    opened = Bank()
    hot.load_account = opened.load
    return opened


def paying(request_id: str, hold_micro: int = 100) -> AdmissionRequest:
    return attempt_of(request_id, customer_id=PAYER, hold_micro=hold_micro)


async def test_an_account_that_redis_forgot_is_brought_by_the_first_admission(
    hot: HotStore, bank: Bank
) -> None:
    first = await hot.admit(paying("req_1"))
    assert (first.verdict, first.balance_micro) == (Verdict.ADMITTED, 1500)
    assert (await hot.admit(paying("req_2"))).balance_micro == 1400
    assert bank.asked == 1
    assert await hot.account(SHARD, PAYER) == replace(PREPAID, held_micro=200)


async def test_an_account_that_redis_forgot_is_brought_by_a_settlement(
    hot: HotStore, bank: Bank
) -> None:
    assert await hot.settle(settlement_of("req_1", started_at_ms=NOW_MS)) is Settled.SETTLED
    assert await hot.account(SHARD, PAYER) == replace(PREPAID, allowance_micro=430)
    assert bank.asked == 1
    lost = await hot.recent_usage(SHARD, "req_1")
    assert lost == charged(settlement_of("req_1").record, 0, 70, 0)


async def test_an_account_that_redis_forgot_is_brought_by_an_entry_and_by_a_turn(
    hot: HotStore, bank: Bank
) -> None:
    applied = await hot.apply_entry(SHARD, PAYER, "ent_1", Pot.CREDIT, 5, NOW_MS)
    assert applied is Applied.APPLIED
    assert await hot.account(SHARD, PAYER) == replace(PREPAID, credit_micro=1005)
    await hot.wire.call("DEL", f"{{s{SHARD}}}:acct:{PAYER}")
    turn = turn_of(1, 7, NOW_MS + 9, customer_id=PAYER)
    assert await hot.turn_plan(SHARD, turn, NOW_MS) == Turned(Turning.TURNED, 500)
    expected = replace(PREPAID, allowance_micro=7, allowance_until_ms=NOW_MS + 9, turned=turn.rank)
    assert await hot.account(SHARD, PAYER) == expected
    assert bank.asked == 2


async def test_while_nobody_knows_the_account_nobody_runs_and_nothing_is_settled(
    hot: HotStore, bank: Bank
) -> None:
    bank.away = True
    with pytest.raises(StoreUnavailable):
        await hot.admit(paying("req_1"))
    with pytest.raises(StoreUnavailable):
        await hot._settle(settlement_of("req_1"))
    with pytest.raises(StoreUnavailable):
        await hot.apply_entry(SHARD, PAYER, "ent_1", Pot.CREDIT, 5, NOW_MS)
    names = await hot.wire.call("KEYS", "*")
    assert names == [f"{{s{SHARD}}}:key:{KEY_HASH}".encode()]


async def test_nobody_is_asked_for_the_account_of_whom_nobody_pays_for(
    hot: HotStore, bank: Bank
) -> None:
    admission = await hot.admit(attempt_of("req_1", hold_micro=100))
    assert (admission.verdict, admission.granted_micro) == (Verdict.ADMITTED, 100)
    assert admission.balance_micro is None
    assert bank.asked == 0


async def test_an_open_account_is_asked_for_once(hot: HotStore, bank: Bank) -> None:
    bank.account = Account(AccountMode.OPEN)
    for number in range(3):
        admission = await hot.admit(paying(f"req_{number}"))
        assert (admission.verdict, admission.balance_micro) == (Verdict.ADMITTED, None)
        assert await hot.settle(settlement_of(f"req_{number}")) is Settled.SETTLED
    assert bank.asked == 1


async def test_an_account_is_set_by_its_version(hot: HotStore) -> None:
    assert await hot.account(SHARD, PAYER) is None
    assert await hot.set_account(SHARD, PAYER, PREPAID)
    older = replace(PREPAID, credit_micro=1, version=2)
    assert not await hot.set_account(SHARD, PAYER, older)
    assert not await hot.set_mode(SHARD, PAYER, AccountMode.OPEN, 2)
    assert await hot.account(SHARD, PAYER) == PREPAID
    newer = replace(older, allowance_until_ms=None, held_micro=7, version=3)
    assert not await hot.set_account(SHARD, PAYER, newer, only_absent=True)
    assert await hot.set_account(SHARD, PAYER, newer)
    assert await hot.account(SHARD, PAYER) == newer
    assert await hot.set_mode(SHARD, PAYER, AccountMode.OPEN, 4)
    assert await hot.account(SHARD, PAYER) == replace(newer, mode=AccountMode.OPEN, version=4)


async def test_the_allowance_is_available_until_its_time(hot: HotStore) -> None:
    held = replace(PREPAID, held_micro=1100)
    assert held.available_micro(NOW_MS + 59_999) == 400
    assert held.available_micro(NOW_MS + 60_000) == -100
    assert Account(AccountMode.PREPAID, 5, 9).available_micro(0) == 5


async def test_the_holds_of_open_leases_are_listed(hot: HotStore) -> None:
    await hot.set_account(SHARD, PAYER, PREPAID)
    await hot.admit(paying("req_1", 100))
    await hot.admit(paying("req_2", 30))
    await hot.admit(attempt_of("req_3"))
    deadline_ms = NOW_MS + LEASE_MS
    assert await hot.holds(SHARD) == [
        Hold(SHARD, "req_1", PAYER, 100, deadline_ms),
        Hold(SHARD, "req_2", PAYER, 30, deadline_ms),
        Hold(SHARD, "req_3", "", 0, deadline_ms),
    ]
    assert await hot.holds("8") == []


async def test_an_unreadable_note_gives_its_hold_back(hot: HotStore) -> None:
    await hot.set_account(SHARD, PAYER, PREPAID)
    await hot.admit(replace(paying("req_1"), note=b"not a record"))
    assert await hot.expire(NOW_MS + LEASE_MS) == 1
    assert await hot.account(SHARD, PAYER) == PREPAID


async def test_a_settled_requests_lease_that_came_back_gives_its_hold_back(hot: HotStore) -> None:
    """As after a Redis that lost some of its keys: the record stands, nothing is charged twice."""
    await hot.set_account(SHARD, PAYER, PREPAID)
    await hot.admit(paying("req_1"))
    await hot.wire.call("SET", f"{{s{SHARD}}}:usage:req_1", b"{}")
    assert await hot.expire(NOW_MS + LEASE_MS) == 0
    assert await hot.account(SHARD, PAYER) == PREPAID
    assert await hot.holds(SHARD) == []


async def test_a_lease_of_the_version_before_holds_nothing_and_is_recorded(hot: HotStore) -> None:
    """Workers are replaced one by one while requests run."""
    await hot.set_account(SHARD, PAYER, PREPAID)
    note = attempt_of("req_1").note
    old = ("worker", "w0", "attempt", 1, "note", note, "hold_micro", 0, "hold_tokens", 0)
    for name in ("req_1", "req_2"):
        await hot.wire.call("HSET", f"{{s{SHARD}}}:lease:{name}", *old)
        await hot.wire.call("ZADD", f"{{s{SHARD}}}:leases", NOW_MS, name)
    assert await hot.renew("req_1", SHARD, "w0", NOW_MS, LEASE_MS, note)
    assert (await hot.admit(replace(paying("req_1"), attempt=2))).granted_micro == 0
    assert await hot.settle(settlement_of("req_1", attempt=2)) is Settled.SETTLED
    assert await hot.expire(NOW_MS) == 1
    assert await hot.account(SHARD, PAYER) == PREPAID
    assert await hot.holds(SHARD) == []


async def test_what_a_settlement_charged_is_in_the_stream_and_can_be_read_at_once(
    hot: HotStore,
) -> None:
    account = Account(AccountMode.PREPAID, 30, 20, NOW_MS + 1)
    await hot.set_account(SHARD, PAYER, account)
    settlement = settlement_of("req_1", cost_micro=70)
    await hot.settle(settlement)
    [(_, fields)] = await hot.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    assert fields[2:] == [b"credit", b"30", b"allowance", b"20", b"uncollected", b"20"]
    assert await hot.recent_usage(SHARD, "req_1") == charged(settlement.record, 30, 20, 20)


@dataclass
class Books:
    """The auditor's own arithmetic, from calls and their results alone."""

    entries: Counter[str] = field(default_factory=Counter)
    granted: dict[str, int] = field(default_factory=dict)

    def check(self, account: Account, charges: dict[str, list[int]]) -> None:
        """`charges` per settled request: from credit, from allowance, uncollected, cost."""
        credit = sum(one[0] for one in charges.values())
        allowance = sum(one[1] for one in charges.values())
        assert account.credit_micro == self.entries["credit"] - credit >= 0
        assert account.allowance_micro == self.entries["allowance"] - allowance >= 0
        open_holds = sum(micro for name, micro in self.granted.items() if name not in charges)
        assert account.held_micro == open_holds
        assert account.held_micro <= account.credit_micro + account.allowance_micro
        for name, (*parts, cost) in charges.items():
            assert sum(parts) == cost
            if name in self.granted and cost <= self.granted[name]:
                assert parts[2] == 0, "a cost within its hold is always paid"


async def charges_of(hot: HotStore) -> dict[str, list[int]]:
    entries = await hot.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    found = {}
    for _, flat in entries:
        values = dict(zip(flat[::2], flat[1::2], strict=True))
        record = decode_record(values[b"record"])
        parts = [int(values[name]) for name in (b"credit", b"allowance", b"uncollected")]
        assert record.request_id not in found
        found[record.request_id] = [*parts, record.cost_micro or 0]
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_in_whatever_order_the_books_clear(hot: HotStore, seed: int) -> None:
    """Holds, costs within and beyond them, entries in and out, turns of the plan, takeovers and
    expiry: after each the pots are what entries and charges leave, and never below zero."""
    dice, books = random.Random(seed), Books()
    await hot.set_account(SHARD, PAYER, Account(AccountMode.PREPAID))
    now_ms, charges = NOW_MS, await charges_of(hot)
    began: dict[str, int] = {}
    for step in range(200):
        now_ms += dice.randrange(2_000)
        open_requests = [name for name in books.granted if name not in charges]
        roll = dice.random()
        if roll < 0.35 or not open_requests:
            name = f"req_{step}"
            asked = paying(name, dice.choice((0, 1, 50, 400)))
            admission = await hot.admit(replace(asked, now_ms=now_ms))
            if admission.verdict is Verdict.ADMITTED:
                books.granted[name], began[name] = admission.granted_micro, now_ms
        elif roll < 0.6:
            name = dice.choice(open_requests)
            limit = books.granted[name] + dice.choice((1, 1, 300))
            cost = dice.randrange(limit)
            began_ms = began[name] - dice.choice((0, 0, 5_000))
            await hot.settle(settlement_of(name, cost_micro=cost, started_at_ms=began_ms))
        elif roll < 0.65:
            await hot.admit(attempt_of(dice.choice(open_requests), attempt=2, customer_id=PAYER))
        elif roll < 0.7:
            await hot.expire(now_ms)
        elif roll < 0.75:
            turn = turn_of(step, 300, now_ms + dice.choice((0, 8_000)), customer_id=PAYER)
            for turning in (Turning.TURNED, Turning.ALREADY):
                turned = await hot.turn_plan(SHARD, turn, now_ms)
                assert turned.turning is turning
            books.entries["allowance"] += 300 - turned.taken_micro
            late = replace(turn, id=f"late {step}", number=dice.randrange(step + 1))
            assert (await hot.turn_plan(SHARD, late, now_ms)).turning is Turning.SUPERSEDED
        else:
            pot, amount = dice.choice((*Pot, Pot.CREDIT)), dice.choice((100, 200, -30, -150))
            applied = await hot.apply_entry(SHARD, PAYER, f"e{step}", pot, amount, now_ms)
            books.entries[pot] += amount if applied is Applied.APPLIED else 0
        account = await hot.account(SHARD, PAYER)
        assert account is not None
        charges = await charges_of(hot)
        books.check(account, charges)


@pytest.fixture
async def worker(redis_url: str) -> AsyncIterator[HotStore]:
    store = HotStore.connect(redis_url)
    yield store
    await store.close()


async def test_two_workers_that_miss_the_account_at_once_bring_it_once(
    hot: HotStore, bank: Bank, worker: HotStore
) -> None:
    """The slower one's account, read before the faster one's hold, must not replace it."""
    first = await hot.admit(paying("req_1"))
    assert first.verdict is Verdict.ADMITTED
    worker.load_account = bank.load
    await worker.bring_account(SHARD, PAYER)
    assert await hot.account(SHARD, PAYER) == replace(PREPAID, held_micro=100)
